/** Drags the image around. Also used while space or the middle button is held. */
import type { ScreenPoint } from "../../../geometry/points";
import type { Tool } from "../tool";

export function panTool(): Tool {
  let last: ScreenPoint | null = null;
  return {
    cursor: "grab",
    down(pointer) {
      last = pointer.screen;
    },
    move(pointer, host) {
      if (!last) return;
      host.panBy(pointer.screen.x - last.x, pointer.screen.y - last.y);
      last = pointer.screen;
    },
    up() {
      last = null;
    },
    cancel() {
      last = null;
    },
  };
}
