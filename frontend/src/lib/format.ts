/** Numbers, sizes and times as people read them. Pure; `now` is a parameter where time matters. */

const INTEGER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export const NOTHING = "–";

export function count(value: number | null | undefined): string {
  return value == null ? NOTHING : INTEGER.format(value);
}

/** `plural(1, "mask")` is "1 mask", `plural(3, "box", "boxes")` is "3 boxes". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.round((100 * part) / whole) : 0;
}

export function bytes(value: number | null | undefined): string {
  if (value == null) return NOTHING;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${scaled >= 100 || unit === 0 ? scaled.toFixed(0) : scaled.toFixed(1)} ${units[unit]}`;
}

/** A score between 0 and 1 with three digits. */
export function score(value: unknown): string {
  return typeof value === "number" && Number.isFinite(value) ? value.toFixed(3) : NOTHING;
}

export function signed(value: unknown): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return NOTHING;
  const text = Math.abs(value).toFixed(3);
  return value < 0 ? `−${text}` : `+${text}`;
}

export function fixed(value: unknown, digits = 1): string {
  return typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : NOTHING;
}

export function shortHash(value: string | null | undefined): string {
  return value ? value.slice(0, 10) : NOTHING;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "3 hours ago". Under a minute it is "just now", whichever side the two clocks disagree on. */
export function ago(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return "just now";
}

/** "42 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function between(
  startIso: string | null | undefined,
  endIso: string | null | undefined,
  now: number,
): string | null {
  if (!startIso) return null;
  return duration(((endIso ? Date.parse(endIso) : now) - Date.parse(startIso)) / 1000);
}
