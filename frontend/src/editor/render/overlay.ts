/** What changes often, drawn above the masks: highlight, hover preview, the draft with its prompts, and gestures in progress. */
import { type Camera, toScreen } from "../../geometry/camera";
import { type ImageBox, type ImagePoint, imagePoint } from "../../geometry/points";
import { isBox, isPoint, type Prompt } from "../../geometry/prompts";
import { BACKGROUND, colourNumber, DRAFT_COLOUR, FOREGROUND, HOVER_COLOUR, maskColour } from "../colours";
import { type Doc, draftShape } from "../document";
import type { Live } from "../tools/tool";
import { type Shape, shapeOf } from "./shapes";

type Context = CanvasRenderingContext2D;

export type Overlay = {
  readonly doc: Doc;
  readonly opacity: number;
  /** The decoder's guess for the pixel under the pointer. */
  readonly preview: Shape | null;
  readonly highlightId: string | null;
  readonly live: Live | null;
};

export function drawOverlay(context: Context, overlay: Overlay, camera: Camera, dpr: number): void {
  const { doc, opacity } = overlay;
  const inImage = () =>
    context.setTransform(camera.scale * dpr, 0, 0, camera.scale * dpr, camera.x * dpr, camera.y * dpr);
  const inScreen = () => context.setTransform(dpr, 0, 0, dpr, 0, 0);
  inImage();
  const highlighted = doc.masks.find((mask) => mask.id === overlay.highlightId);
  if (highlighted && highlighted.id !== doc.draft?.id) {
    const colour = colourNumber(highlighted.id);
    drawShape(context, shapeOf(highlighted.runs), maskColour(colour, 0.35), maskColour(colour), camera, 2.5);
  }
  if (overlay.preview && !doc.draft) {
    drawShape(context, overlay.preview, HOVER_COLOUR(0.25), HOVER_COLOUR(0.9), camera, 1.5);
  }
  const shape = doc.draft && draftShape(doc.draft);
  if (shape) drawShape(context, shapeOf(shape), DRAFT_COLOUR(Math.max(opacity, 0.2)), DRAFT_COLOUR(), camera, 2);
  if (overlay.live?.kind === "stroke") drawStroke(context, overlay.live);
  inScreen();
  // Old prompts of a mask that is only looked at would hide it.
  const prompts = doc.draft
    ? doc.draft.prompts.slice(doc.draft.base && !doc.draft.answers ? doc.draft.base.prompts.length : 0)
    : [];
  for (const prompt of prompts) drawPrompt(context, prompt, camera);
  if (overlay.live?.kind === "box") drawBox(context, overlay.live.box, camera, [5, 4]);
}

/** Fill, then a dark halo under a bright line: readable on any photograph. */
function drawShape(
  context: Context,
  shape: Shape | null,
  fill: string,
  line: string,
  camera: Camera,
  width: number,
): void {
  if (!shape) return;
  context.fillStyle = fill;
  context.fill(shape.path, "evenodd");
  context.lineJoin = "round";
  context.lineWidth = (width + 2) / camera.scale;
  context.strokeStyle = "hsl(0 0% 0% / 0.55)";
  context.stroke(shape.path);
  context.lineWidth = width / camera.scale;
  context.strokeStyle = line;
  context.stroke(shape.path);
}

function drawPrompt(context: Context, prompt: Prompt, camera: Camera): void {
  if (isBox(prompt)) {
    const [x0, y0, x1, y1] = prompt.box;
    drawBox(context, [x0, y0, x1 + 1, y1 + 1], camera, []);
  }
  if (!isPoint(prompt)) return;
  // A prompt names a pixel; its mark sits on the pixel's centre.
  const { x, y } = toScreen(camera, imagePoint(prompt.x + 0.5, prompt.y + 0.5));
  context.beginPath();
  context.arc(x, y, 6, 0, 2 * Math.PI);
  context.fillStyle = prompt.label === 1 ? FOREGROUND : BACKGROUND;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = "white";
  context.stroke();
  context.beginPath();
  context.moveTo(x - 3, y);
  context.lineTo(x + 3, y);
  if (prompt.label === 1) {
    context.moveTo(x, y - 3);
    context.lineTo(x, y + 3);
  }
  context.stroke();
}

function drawBox(context: Context, box: ImageBox, camera: Camera, dash: number[]): void {
  const [a, b] = [toScreen(camera, imagePoint(box[0], box[1])), toScreen(camera, imagePoint(box[2], box[3]))];
  context.setLineDash(dash);
  for (const [width, colour] of [
    [4, "hsl(0 0% 0% / 0.5)"],
    [2, "white"],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.strokeRect(a.x, a.y, b.x - a.x, b.y - a.y);
  }
  context.setLineDash([]);
}

function drawStroke(context: Context, live: Extract<Live, { kind: "stroke" }>): void {
  const first = live.points[0];
  if (!first) return;
  context.beginPath();
  context.moveTo(first.x, first.y);
  for (const point of live.points) context.lineTo(point.x, point.y);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.lineWidth = Math.max(2 * live.radius, 1);
  context.strokeStyle = live.erase ? "hsl(0 90% 55% / 0.45)" : DRAFT_COLOUR(0.55);
  context.stroke();
}

/** The ring that shows the brush's reach. */
export function drawRing(
  context: Context,
  at: ImagePoint,
  radius: number,
  erase: boolean,
  camera: Camera,
  dpr: number,
): void {
  context.setTransform(dpr, 0, 0, dpr, 0, 0);
  const { x, y } = toScreen(camera, at);
  for (const [width, colour] of [
    [3, "hsl(0 0% 0% / 0.6)"],
    [1.5, erase ? "hsl(0 100% 75%)" : "white"],
  ] as const) {
    context.beginPath();
    context.arc(x, y, Math.max(radius * camera.scale, 1.5), 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}
