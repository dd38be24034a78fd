/** What a tool is: it takes pointer events in image pixels and ends each gesture by complete (an action) or cancel. */
import type { ImageBox, ImagePoint, ScreenPoint } from "../../geometry/points";
import type { Action } from "../actions";
import type { Doc } from "../document";

export type ToolName = "prompt" | "brush" | "eraser" | "select" | "pan";

export type ToolPointer = {
  readonly image: ImagePoint;
  readonly screen: ScreenPoint;
  /** All positions since the last event, for smooth strokes; the last one is `image`. */
  readonly trail: readonly ImagePoint[];
  /** 0 left, 2 right. The middle button pans and never reaches a tool. */
  readonly button: number;
  readonly alt: boolean;
  readonly shift: boolean;
};

/** A gesture in progress, drawn above everything. */
export type Live =
  | { readonly kind: "box"; readonly box: ImageBox }
  | {
      readonly kind: "stroke";
      readonly points: readonly ImagePoint[];
      readonly radius: number;
      readonly erase: boolean;
    };

export type ToolHost = {
  readonly doc: Doc;
  /** Brush radius in image pixels. */
  readonly radius: number;
  apply(action: Action): void;
  newId(): string;
  setLive(live: Live | null): void;
  panBy(dx: number, dy: number): void;
  /** Takes up a mask; an open draft that was worked on is accepted first. */
  takeUp(id: string): void;
  /** The mask to highlight. */
  highlight(id: string | null): void;
  /** Where a preview would be welcome, or null. */
  hoverAt(point: ImagePoint | null): void;
};

export type Tool = {
  readonly cursor: string;
  down(pointer: ToolPointer, host: ToolHost): void;
  move(pointer: ToolPointer, host: ToolHost): void;
  up(pointer: ToolPointer, host: ToolHost): void;
  /** Leaves the gesture without a trace. */
  cancel(host: ToolHost): void;
};
