/**
 * What is on the image: finished masks and the one being made (the draft). Immutable values; every change is an action (actions.ts).
 * Knows nothing of servers, decoders or canvases.
 */
import type { ImagePoint, Size } from "../geometry/points";
import type { Prompt } from "../geometry/prompts";
import { areaOf, contains, type Runs } from "../geometry/runs";

export type MaskSource = "model" | "brush" | "proposal" | "import" | "generated";
export type MaskStatus = "proposed" | "accepted" | "approved" | "rejected";

export type DocMask = {
  readonly id: string;
  readonly runs: Runs;
  readonly source: MaskSource;
  /** "proposed" is locked until somebody takes it up. */
  readonly status: MaskStatus;
  readonly modelId: string | null;
  readonly prompts: readonly Prompt[];
  /** The decoder's token whose mask was taken, null where none was. */
  readonly candidate: number | null;
  readonly numClicks: number;
  readonly seconds: number;
  readonly predictedIou: number | null;
  readonly stability: number | null;
  /** The brush or the eraser touched it. */
  readonly edited: boolean;
  readonly rejectReason: string | null;
};

/** One answer of the decoder to a draft's prompts. */
export type Answer = {
  readonly token: number;
  readonly runs: Runs;
  readonly predictedIou: number;
  readonly stability: number;
  /** low_res logits, to be shown to the decoder with the next click. */
  readonly logits: Float32Array;
};

export type Stroke = { readonly runs: Runs; readonly erase: boolean };

export type Draft = {
  /** The id its mask has or will have. */
  readonly id: string;
  /** The finished mask that is being refined. */
  readonly base: DocMask | null;
  readonly prompts: readonly Prompt[];
  /** The mask shown to the decoder beside the prompts. */
  readonly shown: Float32Array | Runs | null;
  /** null until the decoder has answered these prompts. */
  readonly answers: readonly Answer[] | null;
  readonly chosen: number;
  /** The shape after brush strokes; it stands before the answers until the next click. */
  readonly painted: Runs | null;
  /** What stood before the decoder was asked again, with the strokes since, so that the picture does not flicker. */
  readonly before: Runs | null;
  /** Brush strokes made while the decoder is being asked: they go onto its answer. */
  readonly strokes: readonly Stroke[];
  readonly edited: boolean;
};

export type Doc = { readonly size: Size; readonly masks: readonly DocMask[]; readonly draft: Draft | null };

export const emptyDoc = (size: Size): Doc => ({ size, masks: [], draft: null });

export const chosenAnswer = (draft: Draft): Answer | null => draft.answers?.[draft.chosen] ?? null;

/** The draft as it stands; null before the first answer. */
export function draftShape(draft: Draft): Runs | null {
  return draft.painted ?? chosenAnswer(draft)?.runs ?? draft.before ?? draft.base?.runs ?? null;
}

/** Whether anything would be lost if the draft were dropped. */
export const isTouched = (draft: Draft | null): boolean =>
  draft !== null && (draft.prompts.length > (draft.base?.prompts.length ?? 0) || draft.painted !== null);

/** Whether the decoder owes this draft an answer. */
export const awaitsAnswer = (draft: Draft | null): boolean =>
  draft !== null && draft.answers === null && draft.painted === null && isTouched(draft);

/** Whether an answer to one is an answer to the other: strokes made meanwhile change nothing about that. */
export const asksTheSame = (one: Draft | null, other: Draft | null): boolean =>
  awaitsAnswer(one) &&
  awaitsAnswer(other) &&
  one?.id === other?.id &&
  one?.prompts === other?.prompts &&
  one?.shown === other?.shown;

/** Whether the decoder, asked, found nothing. */
export const foundNothing = (draft: Draft | null): boolean =>
  draft !== null && draft.answers !== null && draft.painted === null && areaOf(draftShape(draft) as Runs) === 0;

/** Whether there is a mask to accept, or will be once the answer is here. */
export function isAcceptable(draft: Draft | null): boolean {
  if (!draft) return false;
  const shape = draftShape(draft);
  return awaitsAnswer(draft) || (shape !== null && areaOf(shape) > 0);
}

/** The smallest mask under a point: nested masks are reached from the inside out. */
export function maskAt(doc: Doc, point: ImagePoint, wanted: (mask: DocMask) => boolean = () => true): DocMask | null {
  let best: DocMask | null = null;
  let smallest = Number.POSITIVE_INFINITY;
  for (const mask of doc.masks) {
    if (!wanted(mask) || !contains(mask.runs, point)) continue;
    const area = areaOf(mask.runs);
    if (area < smallest) [best, smallest] = [mask, area];
  }
  return best;
}

export type MaskChanges = { readonly saved: readonly DocMask[]; readonly removed: readonly DocMask[] };

/** Which masks an edit, an undo or a redo has put in or changed, and which it took away. */
export function changesOf(before: Doc, after: Doc): MaskChanges {
  if (before.masks === after.masks) return { saved: [], removed: [] };
  const old = new Map(before.masks.map((mask) => [mask.id, mask]));
  const saved = after.masks.filter((mask) => old.get(mask.id) !== mask);
  const kept = new Set(after.masks.map((mask) => mask.id));
  return { saved, removed: before.masks.filter((mask) => !kept.has(mask.id)) };
}
