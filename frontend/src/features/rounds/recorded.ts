/** What the recorded run is said to be, and its stage 3 as rows of a plot. Pure. */
import type { RecordedRun } from "../../api/types";
import { duration, plural } from "../../lib/format";

export interface StageThreeRow {
  level: string;
  first: number | null;
  last: number | null;
}

/** Rows by IoU level, the easiest first. */
export function stageThree(run: Pick<RecordedRun, "generations">, score: "precision" | "recall"): StageThreeRow[] {
  const of = (model: "first" | "last") => run.generations.find((one) => one.model === model)?.[score] ?? {};
  const [first, last] = [of("first"), of("last")];
  const levels = [...new Set([...Object.keys(first), ...Object.keys(last)])].sort((a, b) => Number(a) - Number(b));
  return levels.map((level) => ({ level, first: first[level] ?? null, last: last[level] ?? null }));
}

/** What the same objects cost people with both models, as a sentence; null where one was not measured. */
export function sameObjects(run: Pick<RecordedRun, "drawings">): string | null {
  const [first, last] = (["first", "last"] as const).map((model) => run.drawings.find((one) => one.model === model));
  if (!first || !last) return null;
  const [before, after] = [first, last].map((one) => one.seconds_per_mask.toFixed(1));
  return (
    `Each round has images of its own, easier or harder ones. The same ${plural(last.masks, "object")} of images that nobody touched ` +
    `cost ${before} s a mask with the first model and ${after} s with the last.`
  );
}

/** When, where, how long, with what: in a line. */
export function provenance(run: Omit<RecordedRun, "rounds" | "generations" | "drawings">): string[] {
  const { version, commit } = run.software;
  return [
    new Date(run.made_on).toLocaleDateString("en", { dateStyle: "long", timeZone: "UTC" }),
    run.machine,
    `${plural(run.images, "image")} in ${duration(run.wall_s)}`,
    `Maskloom ${version}${commit ? ` (${commit.slice(0, 10)})` : ""}`,
  ];
}
