/**
 * COCO's compressed RLE: {size: [h, w], counts}, where counts spells run lengths in characters of 6 bits offset by 48, 5 bits of
 * number and one continuation bit each, and from the fourth count on as the difference to the count two before.
 * Reads and writes exactly what pycocotools does (tests/golden/rle.json).
 */
import type { Runs } from "./runs";

export type Rle = { size: [number, number]; counts: string };

export function encodeRle(runs: Runs): Rle {
  const { counts } = runs;
  const characters: string[] = [];
  for (let i = 0; i < counts.length; i++) {
    let x = (counts[i] as number) - (i > 2 ? (counts[i - 2] as number) : 0);
    let more = true;
    while (more) {
      let c = x & 0x1f;
      x >>= 5;
      more = c & 0x10 ? x !== -1 : x !== 0;
      if (more) c |= 0x20;
      characters.push(String.fromCharCode(c + 48));
    }
  }
  return { size: [runs.h, runs.w], counts: characters.join("") };
}

/** Throws an Error with a sentence when the text is damaged or does not fill its size. */
export function decodeRle(rle: { size: readonly number[]; counts: string }): Runs {
  const [h, w] = rle.size as [number, number];
  const counts: number[] = [];
  let total = 0;
  for (let p = 0; p < rle.counts.length; ) {
    let [x, k, more] = [0, 0, true];
    while (more) {
      if (p >= rle.counts.length)
        throw new Error("The mask's RLE ends in the middle of a number; load the image again.");
      const c = rle.counts.charCodeAt(p++) - 48;
      x |= (c & 0x1f) << (5 * k);
      more = (c & 0x20) !== 0;
      k++;
      if (!more && c & 0x10) x |= -1 << (5 * k);
    }
    if (counts.length > 2) x += counts[counts.length - 2] as number;
    counts.push(x);
    total += x;
  }
  if (total !== h * w || counts.some((n) => n < 0)) {
    throw new Error(`The mask's RLE covers ${total} pixels, its size is ${w} x ${h}; load the image again.`);
  }
  return { h, w, counts: Uint32Array.from(counts) };
}
