/** Prompts to the decoder's inputs, and its four answers to candidates. Pure; the rules are those of the server and the simulator. */
import { type Frames, imageToModel } from "../geometry/frames";
import { type ImagePoint, imagePoint } from "../geometry/points";
import { isBox, isPoint, type Prompt } from "../geometry/prompts";

const LABEL_PADDING = -1;
const LABEL_BOX = [2, 3] as const;

/** N points in the model frame, x and y interleaved, and their N labels. */
export type PointInputs = { readonly coords: Float32Array; readonly labels: Float32Array };

/**
 * Clicks and the box's two corners in the order they were made, then one padding point where there is no box. Prompts from before a
 * painted or stored mask was shown to the decoder are in that mask, as far as it has kept them.
 */
export function pointInputs(prompts: readonly Prompt[], frames: Frames): PointInputs {
  const coords: number[] = [];
  const labels: number[] = [];
  const add = (point: ImagePoint, label: number) => {
    const { x, y } = imageToModel(frames, point);
    coords.push(x, y);
    labels.push(label);
  };
  const current = prompts.slice(1 + prompts.findLastIndex((prompt) => prompt.type === "mask"));
  // The decoder takes one box; the latest drawn is the one meant.
  const last = current.findLast(isBox);
  for (const prompt of current) {
    if (isPoint(prompt)) add(imagePoint(prompt.x, prompt.y), prompt.label);
    if (prompt !== last) continue;
    const [x0, y0, x1, y1] = last.box;
    add(imagePoint(x0, y0), LABEL_BOX[0]);
    add(imagePoint(x1, y1), LABEL_BOX[1]);
  }
  if (!last) {
    coords.push(0, 0);
    labels.push(LABEL_PADDING);
  }
  return { coords: Float32Array.from(coords), labels: Float32Array.from(labels) };
}

/** A single click is ambiguous and deserves three answers; anything more has one. */
export function isAmbiguous(prompts: readonly Prompt[], hasMask: boolean): boolean {
  return !hasMask && prompts.length === 1 && prompts.every(isPoint);
}

/** Tokens to show, best predicted IoU first. `iou` holds the decoder's four predictions. */
export function chooseTokens(iou: ArrayLike<number>, ambiguous: boolean): number[] {
  if (!ambiguous) return [0];
  return [1, 2, 3].sort((a, b) => (iou[b] as number) - (iou[a] as number));
}
