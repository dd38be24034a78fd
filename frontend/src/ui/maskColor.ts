/** Colours of masks: far apart from their neighbours in the list, bright enough for dark photographs and dark enough for white ones. */

const COLORS = [
  [45, 190, 255],
  [255, 122, 89],
  [124, 224, 96],
  [255, 196, 0],
  [190, 120, 255],
  [255, 92, 168],
  [0, 214, 180],
  [150, 166, 255],
] as const;

export function maskColor(index: number): readonly [number, number, number] {
  return COLORS[index % COLORS.length] ?? COLORS[0];
}
