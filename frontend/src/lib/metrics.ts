/** The figures of an evaluation by name, for tables of before and after. Pure. */

const LABELS: Record<string, string> = {
  miou_1: "mIoU, 1 click",
  miou_5: "mIoU, 5 clicks",
  box_miou: "mIoU, box",
  noc85: "Clicks to IoU 0.85",
  noc90: "Clicks to IoU 0.90",
  calibration_error_1: "Calibration error, 1 click",
  detector_recall: "Objects the detector finds",
};

export interface MetricRow {
  key: string;
  label: string;
  before: number | null;
  after: number | null;
}

type Figures = Record<string, unknown> | null | undefined;

const numberOrNull = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** Rows for the figures we have words for, in a fixed order; others are details nobody compares by eye. */
export function metricRows(before: Figures, after: Figures): MetricRow[] {
  return Object.entries(LABELS)
    .map(([key, label]) => ({ key, label, before: numberOrNull(before?.[key]), after: numberOrNull(after?.[key]) }))
    .filter((row) => row.before !== null || row.after !== null);
}

const lessIsBetter = (key: string) => key.startsWith("noc") || key.startsWith("calibration_error");

/** Whether a change of this figure is good: fewer clicks and errors are better, more of everything else is. */
export function isBetter(row: MetricRow): boolean | null {
  if (row.before === null || row.after === null || row.before === row.after) return null;
  return lessIsBetter(row.key) ? row.after < row.before : row.after > row.before;
}
