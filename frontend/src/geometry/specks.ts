/**
 * The rule on specks: islands and holes too small to be meant leave the mask that the model has drawn. An island goes when it is
 * smaller than a share of the largest one and no foreground click lies in it; a hole is filled when it is smaller than a share of
 * the mask and no background click lies in it. Holes come first; pixels that touch at a corner belong together.
 *
 * Rule and shares are those of `without_specks` in engine/masks/components.py; both read tests/golden/specks.json. Islands are
 * found by joining runs of neighbouring columns, so the time goes with a mask's outline, not with its pixels.
 */
import { isPoint, type Prompt } from "./prompts";
import { areaOf, complement, forEachColumn, type Runs, RunWriter } from "./runs";

export const ISLAND_SHARE = 0.02;
export const HOLE_SHARE = 0.01;

/** The mask by the rule. Its pixels are image pixels / `step`; prompts are in image pixels. */
export function withoutSpecks(runs: Runs, prompts: readonly Prompt[], step = 1): Runs {
  const clicked = (label: 0 | 1) =>
    prompts.flatMap((p) => (isPoint(p) && p.label === label ? positionOf(runs, p.x / step, p.y / step) : []));
  const holes = islandsOf(complement(runs));
  const filled = complement(withoutSmall(holes, HOLE_SHARE * areaOf(runs), clicked(0)));
  const islands = islandsOf(filled);
  return withoutSmall(islands, ISLAND_SHARE * islands.areas.reduce((a, b) => Math.max(a, b), 0), clicked(1));
}

/** Where the pixel under a point stands in the runs; nowhere outside the mask's frame. */
function positionOf({ h, w }: Runs, x: number, y: number): number[] {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  return column < 0 || row < 0 || column >= w || row >= h ? [] : [column * h + row];
}

/** Ones as pieces of single columns [starts, ends), in order; each piece's island; each island's pixels. */
type Islands = {
  readonly runs: Runs;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly island: Int32Array;
  readonly areas: Float64Array;
};

function islandsOf(runs: Runs): Islands {
  const { h } = runs;
  const starts: number[] = [];
  const ends: number[] = [];
  forEachColumn(runs, (x, top, bottom) => {
    starts.push(x * h + top);
    ends.push(x * h + bottom);
  });
  const island = joined(starts, ends, h);
  const areas = new Float64Array(starts.length);
  for (let i = 0; i < island.length; i++) {
    // A piece points at an earlier one of its island, whose own first piece is known by then.
    island[i] = island[island[i] as number] as number;
    areas[island[i] as number] = (areas[island[i] as number] as number) + (ends[i] as number) - (starts[i] as number);
  }
  return { runs, starts, ends, island, areas };
}

/** Union-find over the pieces: pieces of neighbouring columns that touch, be it at a corner, end in one tree, its root the first. */
function joined(starts: readonly number[], ends: readonly number[], h: number): Int32Array {
  const parent = Int32Array.from(starts, (_, i) => i);
  const rootOf = (i: number) => {
    let at = i;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  let first = 0;
  for (let i = 0; i < starts.length; i++) {
    const [start, end] = [starts[i] as number, ends[i] as number];
    // The column to the left, as positions [left, left + h), and of it the rows from one above the piece to one below.
    const left = (Math.floor(start / h) - 1) * h;
    const [from, to] = [Math.max(left, start - h - 1), Math.min(left + h, end - h + 1)];
    while ((ends[first] as number) <= from) first++;
    for (let j = first; j < i && (starts[j] as number) < to; j++) {
      const [a, b] = [rootOf(i), rootOf(j)];
      parent[Math.max(a, b)] = Math.min(a, b);
    }
  }
  return parent;
}

/** The mask without the islands of fewer than `area` pixels that hold none of the `kept` positions. */
function withoutSmall({ runs, starts, ends, island, areas }: Islands, area: number, kept: readonly number[]): Runs {
  const stays = Uint8Array.from(areas, (own) => (own >= area ? 1 : 0));
  const writer = new RunWriter(runs);
  for (let i = 0; i < starts.length; i++) {
    const [start, end] = [starts[i] as number, ends[i] as number];
    if (kept.some((at) => start <= at && at < end)) stays[island[i] as number] = 1;
  }
  for (let i = 0; i < starts.length; i++) {
    if (stays[island[i] as number]) writer.add(starts[i] as number, ends[i] as number);
  }
  return writer.finish();
}
