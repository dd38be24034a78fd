/** What the gate said about a round or the version it made: the backend keeps it as a free document, the page reads what it shows. */

export interface RoundGate {
  passed: boolean;
  reason: string;
  /** mIoU of the new model minus the old one's; null when there was nothing to measure on. */
  gain: number | null;
  /** Its interval; null also where a single image was measured on. */
  low: number | null;
  high: number | null;
  /** Of the interval, 0..1. */
  confidence: number;
  /** An admin has activated its model against the gate. */
  overridden: boolean;
  rolledBack: boolean;
}

const numberOrNull = (value: unknown) => (typeof value === "number" ? value : null);

export function readGate(gate: Record<string, unknown> | null | undefined): RoundGate | null {
  if (!gate || typeof gate.passed !== "boolean") return null;
  return {
    passed: gate.passed,
    reason: typeof gate.reason === "string" ? gate.reason : "",
    gain: numberOrNull(gate.gain),
    low: numberOrNull(gate.ci_low),
    high: numberOrNull(gate.ci_high),
    confidence: numberOrNull(gate.confidence) ?? 0.95,
    overridden: !gate.passed && typeof gate.overridden_at === "string",
    rolledBack: typeof gate.rolled_back_at === "string",
  };
}
