/**
 * Clicks and boxes. A left click marks the object, a right or alt click what is not it, a drag draws a box. A click on a proposal
 * takes it up instead, unless shift is held or a draft is open.
 */
import { boxOf, distance, isInside, pixelAt, type ScreenPoint } from "../../../geometry/points";
import { addBox, addPrompt } from "../../actions";
import { maskAt } from "../../document";
import type { Tool, ToolHost, ToolPointer } from "../tool";

/** CSS pixels a press may wander and still be a click. */
const SLOP = 5;

type Press = { readonly start: ToolPointer; readonly screen: ScreenPoint; dragging: boolean };

export function promptTool(): Tool {
  let press: Press | null = null;

  const cancel = (host: ToolHost) => {
    press = null;
    host.setLive(null);
  };

  return {
    cursor: "crosshair",
    cancel,
    down(pointer, host) {
      press = { start: pointer, screen: pointer.screen, dragging: false };
      host.hoverAt(null);
    },
    move(pointer, host) {
      if (!press) return hover(pointer, host);
      if (press.start.button === 0 && distance(pointer.screen, press.screen) > SLOP) press.dragging = true;
      if (press.dragging) host.setLive({ kind: "box", box: boxOf(press.start.image, pointer.image) });
    },
    up(pointer, host) {
      const done = press;
      cancel(host);
      if (!done) return;
      if (done.dragging) completeBox(done.start, pointer, host);
      else completeClick(done.start, host);
    },
  };
}

function hover(pointer: ToolPointer, host: ToolHost): void {
  const proposal = host.doc.draft || pointer.shift ? null : proposalAt(pointer, host);
  host.highlight(proposal);
  host.hoverAt(proposal === null && !host.doc.draft && isInside(pointer.image, host.doc.size) ? pointer.image : null);
}

const proposalAt = (pointer: ToolPointer, host: ToolHost): string | null =>
  maskAt(host.doc, pointer.image, (mask) => mask.status === "proposed")?.id ?? null;

function completeClick(pointer: ToolPointer, host: ToolHost): void {
  if (!isInside(pointer.image, host.doc.size)) return;
  const proposal = host.doc.draft || pointer.shift ? null : proposalAt(pointer, host);
  if (proposal) {
    host.takeUp(proposal);
    return;
  }
  const { x, y } = pixelAt(pointer.image, host.doc.size);
  const label = pointer.button === 2 || pointer.alt ? 0 : 1;
  host.apply(addPrompt({ type: "point", x, y, label }, host.newId()));
}

function completeBox(start: ToolPointer, end: ToolPointer, host: ToolHost): void {
  const [x0, y0, x1, y1] = boxOf(start.image, end.image);
  const { w, h } = host.doc.size;
  if (x1 < 0 || y1 < 0 || x0 >= w || y0 >= h) return;
  const from = pixelAt({ x: x0, y: y0 }, host.doc.size);
  const to = pixelAt({ x: x1, y: y1 }, host.doc.size);
  if (to.x > from.x && to.y > from.y) host.apply(addBox([from.x, from.y, to.x, to.y], host.newId()));
}
