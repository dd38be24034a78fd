/** Masks over (a part of) an image: filled softly, outlined clearly, drawn at the size they are shown. */
import { useEffect, useRef } from "react";
import type { Mask } from "../api/types";
import { decodeRle } from "../geometry/rle";
import { type Region, sampleRuns } from "../lib/maskSample";
import { maskColor } from "./maskColor";

interface Props {
  masks: Pick<Mask, "id" | "rle">[];
  region: Region;
  /** Size of the bitmap; the canvas stretches to its parent. */
  width: number;
  height: number;
  highlighted?: string | undefined;
}

export function MaskOverlay({ masks, region, width, height, highlighted }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || width < 1 || height < 1) return;
    const picture = context.createImageData(width, height);
    masks.forEach((mask, index) => {
      const faded = highlighted !== undefined && highlighted !== mask.id;
      paint(picture, sampleRuns(decodeRle(mask.rle), region, width, height), maskColor(index), faded);
    });
    context.putImageData(picture, 0, 0);
  }, [masks, region, width, height, highlighted]);
  return (
    <canvas
      ref={canvas}
      width={width}
      height={height}
      style={{ position: "absolute", inset: 0, width: "100%", height: "100%", pointerEvents: "none" }}
    />
  );
}

/** Lays one mask over the picture: inside at low opacity, a line of two pixels along its edge. */
function paint(picture: ImageData, inside: Uint8Array, [r, g, b]: readonly [number, number, number], faded: boolean) {
  const { width, height, data } = picture;
  const at = (x: number, y: number) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : inside[y * width + x]);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!at(x, y)) continue;
      const edge = !(at(x - 2, y) && at(x + 2, y) && at(x, y - 2) && at(x, y + 2));
      const pixel = 4 * (y * width + x);
      data[pixel] = r;
      data[pixel + 1] = g;
      data[pixel + 2] = b;
      data[pixel + 3] = faded ? (edge ? 110 : 0) : edge ? 255 : Math.max(data[pixel + 3] ?? 0, 84);
    }
  }
}
