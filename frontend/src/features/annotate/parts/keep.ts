/** Spread on controls beside the canvas: a mouse press does not take the focus, so the keyboard stays with the editor. */
import type { MouseEvent } from "react";

export const keepFocus = { onMouseDown: (event: MouseEvent) => event.preventDefault() };
