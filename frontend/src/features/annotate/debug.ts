/**
 * `window.__maskloom`, for measurements and browser tests; the page itself does not read it.
 *
 * - lastDecodeMs: milliseconds of the latest decode in its worker, null before the first
 * - look: the detail that is looked at and whether it is ready, null while that is the whole image
 * - threads: WebAssembly threads of the decoder
 * - document(): the masks and the draft as plain data, RLEs in COCO's spelling
 * - toClient(x, y): where an image pixel's centre is in the window, for a synthetic click
 */

import { draftShape } from "../../editor/document";
import { toScreen } from "../../geometry/camera";
import { imagePoint } from "../../geometry/points";
import { encodeRle } from "../../geometry/rle";
import { areaOf } from "../../geometry/runs";
import type { AnnotateSession } from "./session/session";

function handleOf(session: AnnotateSession) {
  return {
    get lastDecodeMs() {
      return session.state.decodeMs;
    },
    get look() {
      const { look } = session.state;
      return look && { key: look.detail.key, ready: look.ready };
    },
    get threads() {
      const { decoder } = session.state;
      return decoder.kind === "ready" ? decoder.threads : 0;
    },
    get state() {
      const { phase, decoder, save, task } = session.state;
      return { phase, decoder: decoder.kind, save: save.status, pending: save.pending, image: task?.image.id ?? null };
    },
    document() {
      const { masks, draft } = session.editor.doc;
      const shape = draft && draftShape(draft);
      return {
        masks: masks.map(({ runs, ...mask }) => ({ ...mask, rle: encodeRle(runs), area: areaOf(runs) })),
        draft: draft && {
          id: draft.id,
          prompts: draft.prompts,
          chosen: draft.chosen,
          answers:
            draft.answers?.map(({ token, predictedIou, runs }) => ({ token, predictedIou, area: areaOf(runs) })) ??
            null,
          rle: shape && encodeRle(shape),
        },
      };
    },
    toClient(x: number, y: number) {
      const surface = document.querySelector('[data-testid="editor-canvas"]');
      const box = surface?.getBoundingClientRect() ?? { left: 0, top: 0 };
      const at = toScreen(session.editor.view.camera, imagePoint(x + 0.5, y + 0.5));
      return { x: box.left + at.x, y: box.top + at.y };
    },
  };
}

declare global {
  interface Window {
    __maskloom?: ReturnType<typeof handleOf>;
  }
}

/** Returns the function that takes the handle away. */
export function exposeHandle(session: AnnotateSession): () => void {
  const handle = handleOf(session);
  window.__maskloom = handle;
  return () => {
    if (window.__maskloom === handle) delete window.__maskloom;
  };
}
