/** A stage gate's figures for people. Pure. */
import type { StageGate } from "../../api/types";

type Figures = Pick<StageGate, "value" | "threshold" | "holds">;

const short = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(3));

/** Empty for a gate that is a plain yes or no. */
export function gateText({ value, threshold }: Figures): string {
  if (threshold <= 0) return "";
  return `${value == null ? "–" : short(value)} / ${short(threshold)}`;
}

/** 0..100 of the way; a gate that holds is full, one that does not is never quite. */
export function gateShare({ value, threshold, holds }: Figures): number {
  if (holds) return 100;
  if (value == null || threshold <= 0 || value <= 0) return 0;
  const ratio = value <= threshold ? value / threshold : threshold / value;
  return Math.min(95, Math.round(100 * ratio));
}
