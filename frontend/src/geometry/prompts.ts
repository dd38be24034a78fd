/** What a person tells the model about one object, in image pixels. The spelling is the API's, so prompts are stored as they are. */
import type { ImageBox } from "./points";

/** label 1: belongs to the object, 0: does not. */
export type PointPrompt = { readonly type: "point"; readonly x: number; readonly y: number; readonly label: 0 | 1 };
export type BoxPrompt = { readonly type: "box"; readonly box: ImageBox };
/** An earlier mask of the object was shown to the model; the mask itself is kept beside the prompts. */
export type MaskPrompt = { readonly type: "mask" };
export type Prompt = PointPrompt | BoxPrompt | MaskPrompt;

export const isPoint = (prompt: Prompt): prompt is PointPrompt => prompt.type === "point";
export const isBox = (prompt: Prompt): prompt is BoxPrompt => prompt.type === "box";

/** Clicks as the figures count them: points, and two for a box's two corners. */
export function clicksOf(prompts: readonly Prompt[]): number {
  return prompts.reduce((sum, prompt) => sum + (isPoint(prompt) ? 1 : isBox(prompt) ? 2 : 0), 0);
}
