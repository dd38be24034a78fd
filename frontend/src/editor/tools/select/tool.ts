/** Picks a finished mask or a proposal to refine, accept or delete it; of nested masks the smallest under the pointer. */
import { maskAt } from "../../document";
import type { Tool } from "../tool";

export function selectTool(): Tool {
  let pressed: string | null = null;
  return {
    cursor: "pointer",
    down(pointer, host) {
      pressed = maskAt(host.doc, pointer.image)?.id ?? null;
    },
    move(pointer, host) {
      host.highlight(maskAt(host.doc, pointer.image)?.id ?? null);
    },
    up(pointer, host) {
      const id = maskAt(host.doc, pointer.image)?.id ?? null;
      if (id !== null && id === pressed) host.takeUp(id);
      pressed = null;
    },
    cancel() {
      pressed = null;
    },
  };
}
