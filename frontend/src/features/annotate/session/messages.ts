/** What the session tells a person in passing. */

export type Notify = (message: string, kind: "info" | "error") => void;

export const NOTHING_TO_ACCEPT = "There is no mask to accept yet: click on the object or use the brush.";
export const DRAFT_OPEN = "One mask is still open: accept it with Enter or clear it with Esc, then go on.";
export const unlooked = (count: string) =>
  `${count} would be kept as drawn by the model. Look and delete what is wrong, or go on once more.`;
export const UNSAVED = "Some masks of this image are not saved yet. Go on once they are; nothing is lost.";
