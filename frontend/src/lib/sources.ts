/** What the page calls the ways in which a mask came about: the same words in lists, reviews and exports. Pure. */
export type MaskSource = "model" | "brush" | "proposal" | "import" | "generated";

const NAMES: Record<MaskSource, string> = {
  model: "Clicked",
  brush: "Drawn",
  proposal: "Proposed, kept",
  import: "Imported",
  generated: "Generated",
};

/** Of a mask that stands; `edited`: a stroke was made on it, which a drawn one consists of. */
export function sourceName(source: MaskSource, edited: boolean): string {
  if (!edited || source === "brush") return NAMES[source];
  return source === "proposal" ? "Proposed, mended" : `${NAMES[source]}, edited`;
}

/** The groups that an export can be limited to, by what the API calls them. */
export const SOURCE_GROUPS = [
  { value: "human", label: "Clicked or drawn by people" },
  { value: "proposal", label: "Proposed by the model, kept or mended by people" },
  { value: "generated", label: "Generated in stage 3" },
  { value: "import", label: "Imported with the images" },
] as const;
