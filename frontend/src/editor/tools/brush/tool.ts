/** Brush and eraser: one stroke is one edit. The right button, or alt, does the opposite. */
import type { ImagePoint } from "../../../geometry/points";
import { strokeRuns } from "../../../geometry/strokes";
import { paint } from "../../actions";
import type { Tool, ToolHost } from "../tool";

type Stroke = { readonly points: ImagePoint[]; readonly erase: boolean };

export function brushTool(erases: boolean): Tool {
  let stroke: Stroke | null = null;

  const show = (host: ToolHost) =>
    host.setLive(stroke && { kind: "stroke", points: [...stroke.points], radius: host.radius, erase: stroke.erase });

  return {
    cursor: "none",
    down(pointer, host) {
      stroke = { points: [pointer.image], erase: erases !== (pointer.button === 2 || pointer.alt) };
      show(host);
    },
    move(pointer, host) {
      if (!stroke) return;
      stroke.points.push(...pointer.trail);
      show(host);
    },
    up(_pointer, host) {
      const done = stroke;
      stroke = null;
      host.setLive(null);
      if (done) host.apply(paint(strokeRuns(done.points, host.radius, host.doc.size), done.erase, host.newId()));
    },
    cancel(host) {
      stroke = null;
      host.setLive(null);
    },
  };
}
