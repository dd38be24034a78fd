/** Colours of masks: hues a golden angle apart, saturated, so that neighbours differ and none drowns in a grey photograph. */

const GOLDEN_ANGLE = 137.508;
const LIGHTNESS = [62, 52, 70] as const;

/** The n-th colour; alpha 0 to 1. */
export function maskColour(n: number, alpha = 1): string {
  return `hsl(${((n * GOLDEN_ANGLE + 18) % 360).toFixed(1)} 95% ${LIGHTNESS[n % LIGHTNESS.length]}% / ${alpha})`;
}

/** A mask keeps its colour for life: it hangs on its id, not on its place in the list. */
export function colourNumber(id: string): number {
  let hash = 2166136261;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  return (hash >>> 0) % 997;
}

export const DRAFT_COLOUR = (alpha = 1) => `hsl(205 100% 58% / ${alpha})`;
export const HOVER_COLOUR = (alpha = 1) => `hsl(190 100% 60% / ${alpha})`;
export const FOREGROUND = "hsl(140 85% 45%)";
export const BACKGROUND = "hsl(0 90% 55%)";
