/** DOM pointer and wheel events of the editor's surface, translated into image pixels and told apart: pan, zoom, tool. */
import { type Camera, toImage, wheelFactor } from "../geometry/camera";
import { type ScreenPoint, screenPoint } from "../geometry/points";
import type { ToolPointer } from "./tools/tool";

export type PointerSink = {
  readonly camera: Camera;
  /** Space is held, or the pan tool is chosen. */
  readonly pans: boolean;
  down(pointer: ToolPointer): void;
  move(pointer: ToolPointer): void;
  up(pointer: ToolPointer): void;
  leave(): void;
  cancel(): void;
  pan(dx: number, dy: number): void;
  zoom(at: ScreenPoint, factor: number): void;
};

const MIDDLE = 1;

/** Returns the function that stops listening. */
export function listen(surface: HTMLCanvasElement, sink: PointerSink): () => void {
  let gesture: "tool" | "pan" | null = null;
  let last: ScreenPoint = screenPoint(0, 0);

  const at = (event: MouseEvent): ScreenPoint => {
    const box = surface.getBoundingClientRect();
    return screenPoint(event.clientX - box.left, event.clientY - box.top);
  };

  const pointerOf = (event: PointerEvent, button: number): ToolPointer => {
    const screen = at(event);
    const parts = event.getCoalescedEvents?.() ?? [];
    const trail = (parts.length > 0 ? parts : [event]).map((part) => toImage(sink.camera, at(part)));
    return { screen, image: toImage(sink.camera, screen), trail, button, alt: event.altKey, shift: event.shiftKey };
  };

  let button = 0;
  const handlers = {
    pointerdown(event: PointerEvent) {
      if (gesture) return;
      surface.setPointerCapture(event.pointerId);
      last = at(event);
      button = event.button;
      gesture = event.button === MIDDLE || sink.pans ? "pan" : "tool";
      if (gesture === "pan") event.preventDefault();
      else sink.down(pointerOf(event, button));
    },
    pointermove(event: PointerEvent) {
      if (gesture === "pan") {
        const now = at(event);
        sink.pan(now.x - last.x, now.y - last.y);
        last = now;
      } else sink.move(pointerOf(event, button));
    },
    pointerup(event: PointerEvent) {
      const ended = gesture;
      gesture = null;
      if (ended === "tool") sink.up(pointerOf(event, button));
    },
    pointercancel() {
      gesture = null;
      sink.cancel();
    },
    pointerleave() {
      if (!gesture) sink.leave();
    },
    wheel(event: WheelEvent) {
      event.preventDefault();
      sink.zoom(at(event), wheelFactor(event.deltaY, event.deltaMode));
    },
    contextmenu(event: Event) {
      event.preventDefault();
    },
  };
  const entries = Object.entries(handlers) as [string, (event: Event) => void][];
  for (const [name, handler] of entries) surface.addEventListener(name, handler, { passive: false });
  return () => {
    for (const [name, handler] of entries) surface.removeEventListener(name, handler);
  };
}
