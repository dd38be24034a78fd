/** The usual reasons for sending a mask back, in the order of their keys. The annotator reads them as they stand here. */
export const REASONS = [
  "The edge is off.",
  "A part of the object is missing.",
  "It covers more than the object.",
  "It is not one object.",
  "This should not be labelled.",
] as const;
