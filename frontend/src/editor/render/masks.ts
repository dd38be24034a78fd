/**
 * The layer of finished masks. Fills are painted once into a picture of the image's own size (capped) and that is what moves with
 * the camera; outlines are drawn per frame as lines of constant width, as many as a frame can bear while the view is moving.
 */
import type { Camera } from "../../geometry/camera";
import type { Size } from "../../geometry/points";
import { colourNumber, maskColour } from "../colours";
import type { DocMask } from "../document";
import { type Shape, shapeOf } from "./shapes";

const MAX_SIDE = 2048;
/** Outline corners drawn in one frame while the camera moves; measured to stay under 8 ms on a slow laptop. */
const MOVING_BUDGET = 60_000;

export type MaskStyle = {
  readonly opacity: number;
  /** Left out: it is shown as the draft. */
  readonly hiddenId: string | null;
};

export class MaskLayer {
  private readonly picture = document.createElement("canvas");
  private painted: readonly DocMask[] = [];
  private paintedWith = "";
  private scale = 1;

  /** Brings the fills up to date: new masks are added on top, anything else repaints. */
  private update(masks: readonly DocMask[], size: Size, opacity: number): void {
    const key = `${size.w}x${size.h} ${opacity}`;
    const sameStart =
      key === this.paintedWith && masks.length >= this.painted.length && this.painted.every((m, i) => m === masks[i]);
    const context = this.picture.getContext("2d");
    if (!context) return;
    if (!sameStart) {
      this.scale = Math.min(1, MAX_SIDE / Math.max(size.w, size.h));
      this.picture.width = Math.max(1, Math.round(size.w * this.scale));
      this.picture.height = Math.max(1, Math.round(size.h * this.scale));
    }
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    for (const mask of masks.slice(sameStart ? this.painted.length : 0)) this.fill(context, mask, opacity);
    this.painted = masks;
    this.paintedWith = key;
  }

  private fill(context: CanvasRenderingContext2D, mask: DocMask, opacity: number): void {
    const shape = shapeOf(mask.runs);
    if (!shape) return;
    const colour = colourNumber(mask.id);
    context.fillStyle =
      mask.status === "proposed" ? hatch(context, maskColour(colour, opacity)) : maskColour(colour, opacity);
    context.fill(shape.path, "evenodd");
  }

  draw(
    context: CanvasRenderingContext2D,
    masks: readonly DocMask[],
    size: Size,
    camera: Camera,
    dpr: number,
    style: MaskStyle,
    moving: boolean,
  ): { complete: boolean } {
    const shown = style.hiddenId === null ? masks : this.without(masks, style.hiddenId);
    this.update(shown, size, style.opacity);
    const k = camera.scale * dpr;
    context.setTransform(k / this.scale, 0, 0, k / this.scale, camera.x * dpr, camera.y * dpr);
    context.imageSmoothingEnabled = k / this.scale < 2;
    context.drawImage(this.picture, 0, 0);
    context.setTransform(k, 0, 0, k, camera.x * dpr, camera.y * dpr);
    context.lineWidth = (1.5 * dpr) / k;
    context.lineJoin = "round";
    return { complete: this.outlines(context, shown, camera, dpr, moving) };
  }

  private outlines(
    context: CanvasRenderingContext2D,
    masks: readonly DocMask[],
    camera: Camera,
    dpr: number,
    moving: boolean,
  ): boolean {
    const [left, top] = [-camera.x / camera.scale, -camera.y / camera.scale];
    const [right, bottom] = [
      left + context.canvas.width / dpr / camera.scale,
      top + context.canvas.height / dpr / camera.scale,
    ];
    const inView = ({ box }: Shape) => box[0] < right && box[2] > left && box[1] < bottom && box[3] > top;
    let budget = moving ? MOVING_BUDGET : Number.POSITIVE_INFINITY;
    for (const mask of masks) {
      const shape = shapeOf(mask.runs);
      if (!shape || !inView(shape)) continue;
      budget -= shape.corners;
      if (budget < 0) return false;
      context.setLineDash(mask.status === "proposed" ? [6 / camera.scale, 4 / camera.scale] : []);
      context.strokeStyle = maskColour(colourNumber(mask.id));
      context.stroke(shape.path);
    }
    context.setLineDash([]);
    return true;
  }

  private withoutOf: readonly DocMask[] = [];
  private withoutId = "";
  private withoutResult: readonly DocMask[] = [];

  /** The same array for the same question, so that `update` sees nothing new. */
  private without(masks: readonly DocMask[], id: string): readonly DocMask[] {
    if (this.withoutOf !== masks || this.withoutId !== id) {
      [this.withoutOf, this.withoutId] = [masks, id];
      this.withoutResult = masks.filter((mask) => mask.id !== id);
    }
    return this.withoutResult;
  }
}

const HATCH = 10;

/** Diagonal stripes: a proposal is not yet a mask. */
function hatch(context: CanvasRenderingContext2D, colour: string): CanvasPattern | string {
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
