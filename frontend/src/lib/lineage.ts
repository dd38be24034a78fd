/** Where a model version comes from: the backend keeps it as a free document, older versions with less in it. Pure. */
import { fixed } from "./format";
import { type RoundGate, readGate } from "./roundGate";

type Document = Record<string, unknown>;

export interface Lineage {
  source: "packaged" | "upload" | "round" | "unknown";
  /** Who started the round or uploaded the file; null when nobody is known. */
  who: string | null;
  fileName: string | null;
  round: { number: number; datasetId: string; automatic: boolean } | null;
  snapshot: { sha256: string; masks: number; images: number } | null;
  recipe: Fact[];
  before: Document | null;
  gate: RoundGate | null;
  software: { version: string; commit: string | null } | null;
}

export interface Fact {
  label: string;
  value: string;
}

export function readLineage(lineage: Document): Lineage {
  const source = text(lineage.source);
  const sha256 = text(lineage.snapshot_sha256);
  const round = number(lineage.round_number);
  const software = document(lineage.software);
  return {
    source: source === "packaged" || source === "upload" || source === "round" ? source : "unknown",
    who: text(lineage.started_by) ?? text(lineage.uploaded_by),
    fileName: text(lineage.file_name),
    round: round
      ? { number: round, datasetId: text(lineage.dataset_id) ?? "", automatic: lineage.trigger === "auto" }
      : null,
    snapshot: sha256
      ? { sha256, masks: number(lineage.snapshot_masks) ?? 0, images: number(lineage.snapshot_images) ?? 0 }
      : null,
    recipe: recipeOf(lineage.mode, { ...document(lineage.settings), ...document(lineage.recipe) }),
    before: document(lineage.before),
    gate: readGate(document(lineage.gate)),
    software: software ? { version: text(software.version) ?? "", commit: text(software.commit) } : null,
  };
}

const MODES: Record<string, string> = {
  auto: "what suits the model",
  full: "the whole model",
  decoder: "the decoder",
};

/** How a round trained. `settings` as chosen; a finished one's recipe adds what they came to (steps, replay). */
export function recipeOf(mode: unknown, settings: Document): Fact[] {
  const facts: Fact[] = [];
  const add = (label: string, value: string | null) => value !== null && facts.push({ label, value });
  const steps = number(settings.steps) ?? number(settings.max_steps);
  const epochs = number(settings.epochs);
  add("Trains", MODES[text(mode) ?? ""] ?? null);
  add("Steps", steps !== null ? `up to ${steps}` : epochs !== null ? `${epochs} epochs` : null);
  add("At most", unit(settings.minutes, "min"));
  add("Learning rate", settings.learning_rate === null ? "the model's own" : unit(settings.learning_rate));
  const [part, frozen] = [number(settings.encoder_lr), number(settings.frozen_layers)];
  const rate = part === 1 ? "same rate" : `${part} of that rate`;
  add("Encoder", part && frozen !== null ? `${rate}, first ${frozen} layers as they were` : null);
  const old = number(settings.old_share);
  add("Ends", old ? `${percent(old)} of the way back to the old weights${sharesMeasured(settings.share)}` : null);
  const [images, masks] = [number(settings.num_images), number(settings.num_masks)];
  add("A step", images !== null && masks !== null ? `${images} images × ${masks} masks` : null);
  const replay = number(settings.replay);
  add("Replay", replay === null ? null : replay > 0 ? `${fixed(100 * replay, 0)} % generated scenes` : "none");
  const detector = number(settings.detector_steps);
  add("Detector", detector === null ? null : detector > 0 ? `${detector} steps` : "left as it was");
  add("Stage 3 masks", settings.include_generated === true ? "learned from too" : null);
  add("Seed", unit(settings.seed));
  return facts;
}

/** Why a round on few masks ended there: two ends were measured on what was held out. */
function sharesMeasured(value: unknown): string {
  const share = document(value);
  const [careful, bold, gain] = [number(share?.careful), number(share?.bold), number(share?.gain)];
  if (careful === null || bold === null || gain === null) return "";
  const sign = gain < 0 ? "−" : "+";
  return `; on masks not trained on ${percent(bold)} measured ${sign}${fixed(Math.abs(gain), 3)} IoU against ${percent(careful)}`;
}

const percent = (value: number) => `${fixed(100 * value, 0)} %`;

function unit(value: unknown, word = ""): string | null {
  const known = number(value);
  return known === null ? null : `${known} ${word}`.trim();
}

const number = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : null);
const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);
const document = (value: unknown) =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Document) : null;
