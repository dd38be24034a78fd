/**
 * The layer of finished masks. Fills are painted once into a picture of the image's own size (capped), and that is what moves with the
 * camera. Outlines are drawn per frame as lines of constant width while there are few enough in view, and are a second picture where
 * there are more: hundreds of masks cost no more to move than one.
 */
import type { Camera } from "../../geometry/camera";
import type { Size } from "../../geometry/points";
import { colourNumber, maskColour } from "../colours";
import type { DocMask } from "../document";
import { type Shape, shapeOf } from "./shapes";

type Context = CanvasRenderingContext2D;

const MAX_SIDE = 2048;
/** Outline corners drawn live; a frame with this many takes a few ms without a graphics card. */
const LIVE_CORNERS = 10_000;
/** Widths in CSS pixels; null is the mask's own colour. The dark rim keeps a colour apart from a photograph of the same colour. */
const LINES = [
  [3, "hsl(0 0% 0% / 0.45)"],
  [1.5, null],
] as const;

export type MaskStyle = {
  readonly opacity: number;
  /** Left out: it is shown as the draft. */
  readonly hiddenId: string | null;
};

/** A picture in image space that grows by what is new and is painted again when anything else has changed. */
class Picture {
  private readonly canvas = document.createElement("canvas");
  private painted: readonly DocMask[] = [];
  private key = "";
  private scale = 1;

  constructor(private readonly paint: (context: Context, mask: DocMask, shape: Shape, opacity: number) => void) {}

  update(masks: readonly DocMask[], size: Size, opacity: number): void {
    const key = `${size.w}x${size.h} ${opacity}`;
    const grows =
      key === this.key && masks.length >= this.painted.length && this.painted.every((m, i) => m === masks[i]);
    const context = this.canvas.getContext("2d");
    if (!context) return;
    if (!grows) {
      this.scale = Math.min(1, MAX_SIDE / Math.max(size.w, size.h));
      this.canvas.width = Math.max(1, Math.round(size.w * this.scale));
      this.canvas.height = Math.max(1, Math.round(size.h * this.scale));
    }
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    for (const mask of masks.slice(grows ? this.painted.length : 0)) {
      const shape = shapeOf(mask.runs);
      if (shape) this.paint(context, mask, shape, opacity);
    }
    this.painted = masks;
    this.key = key;
  }

  draw(context: Context, camera: Camera, dpr: number): void {
    const k = (camera.scale * dpr) / this.scale;
    context.setTransform(k, 0, 0, k, camera.x * dpr, camera.y * dpr);
    context.imageSmoothingEnabled = k < 2;
    context.drawImage(this.canvas, 0, 0);
  }
}

export class MaskLayer {
  private readonly fills = new Picture((context, mask, shape, opacity) => {
    const colour = maskColour(colourNumber(mask.id), opacity);
    context.fillStyle = mask.status === "proposed" ? hatch(context, colour) : colour;
    context.fill(shape.path, "evenodd");
  });
  private readonly lines = new Picture((context, mask, shape) => {
    context.lineWidth = 1.25;
    context.setLineDash(mask.status === "proposed" ? [5, 3] : []);
    context.strokeStyle = maskColour(colourNumber(mask.id));
    context.stroke(shape.path);
  });

  draw(
    context: Context,
    masks: readonly DocMask[],
    size: Size,
    camera: Camera,
    dpr: number,
    { opacity, hiddenId }: MaskStyle,
  ): void {
    const shown = hiddenId === null ? masks : masks.filter((mask) => mask.id !== hiddenId);
    this.fills.update(shown, size, opacity);
    this.fills.draw(context, camera, dpr);
    const visible = inView(shown, camera, context.canvas, dpr);
    if (visible.reduce((sum, { shape }) => sum + shape.corners, 0) > LIVE_CORNERS) {
      this.lines.update(shown, size, 1);
      this.lines.draw(context, camera, dpr);
      return;
    }
    context.setTransform(camera.scale * dpr, 0, 0, camera.scale * dpr, camera.x * dpr, camera.y * dpr);
    context.lineJoin = "round";
    for (const { mask, shape } of visible) {
      context.setLineDash(mask.status === "proposed" ? [6 / camera.scale, 4 / camera.scale] : []);
      for (const [width, colour] of LINES) {
        context.lineWidth = width / camera.scale;
        context.strokeStyle = colour ?? maskColour(colourNumber(mask.id));
        context.stroke(shape.path);
      }
    }
    context.setLineDash([]);
  }
}

function inView(masks: readonly DocMask[], camera: Camera, canvas: HTMLCanvasElement, dpr: number) {
  const [left, top] = [-camera.x / camera.scale, -camera.y / camera.scale];
  const [right, bottom] = [left + canvas.width / dpr / camera.scale, top + canvas.height / dpr / camera.scale];
  const seen: { mask: DocMask; shape: Shape }[] = [];
  for (const mask of masks) {
    const shape = shapeOf(mask.runs);
    if (!shape) continue;
    const [x0, y0, x1, y1] = shape.box;
    if (x0 < right && x1 > left && y0 < bottom && y1 > top) seen.push({ mask, shape });
  }
  return seen;
}

const HATCH = 10;

/** Diagonal stripes: a proposal is not yet a mask. */
function hatch(context: Context, colour: string): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = HATCH;
  tile.height = HATCH;
  const pen = tile.getContext("2d");
  if (!pen) return colour;
  pen.strokeStyle = colour;
  pen.lineWidth = 3;
  for (const shift of [-HATCH, 0, HATCH]) {
    pen.beginPath();
    pen.moveTo(shift - 2, HATCH + 2);
    pen.lineTo(shift + HATCH + 2, -2);
    pen.stroke();
  }
  return context.createPattern(tile, "repeat") ?? colour;
}
