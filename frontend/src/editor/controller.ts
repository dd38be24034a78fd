/**
 * The editor put together: history, camera, tools and layers. Others hear of changes by `onChange` (anything), `onEdit` (the document,
 * with what stood before) and `onHover` (where a preview would be welcome). Knows no React, network or decoder.
 */
import { clamp, type ImagePoint, type Size } from "../geometry/points";
import type { Runs } from "../geometry/runs";
import { type Action, accept, cancelDraft, refine, standAlone } from "./actions";
import { type Doc, emptyDoc, isTouched } from "./document";
import { type History, historyOf, push, rebase, redo, replace, undo } from "./history";
import { listen } from "./pointers";
import { type Placed, shapeOf } from "./render/shapes";
import { type Scene, Stage, type StageHost } from "./render/stage";
import { brushTool } from "./tools/brush/tool";
import { panTool } from "./tools/pan/tool";
import { promptTool } from "./tools/prompt/tool";
import { selectTool } from "./tools/select/tool";
import type { Live, Tool, ToolHost, ToolName, ToolPointer } from "./tools/tool";
import { View } from "./view";

export type EditorEvents = {
  onChange(): void;
  onEdit(before: Doc, after: Doc): void;
  onHover(point: ImagePoint | null): void;
  /** The camera moved. */
  onMove(): void;
  /** What the next accepted mask is given; called by takeUp too. */
  figures(): { modelId: string | null; seconds: number };
  newId(): string;
};

/** A coarse mask: its pixels are `step` image pixels large, the first one's corner lies at (x, y). */
export type Preview = { readonly runs: Runs } & Placed;

export const BRUSH_MIN = 0.5;
export const BRUSH_MAX = 200;

export class EditorController implements ToolHost, StageHost {
  private history: History<Doc> = historyOf(emptyDoc({ h: 1, w: 1 }));
  private stage: Stage | null = null;
  private image: CanvasImageSource | null = null;
  private live: Live | null = null;
  private preview: Preview | null = null;
  private highlightId: string | null = null;
  private pointer: ImagePoint | null = null;
  private spaceHeld = false;
  readonly view = new View(
    () => this.doc.size,
    () => {
      this.stage?.moved();
      this.events.onMove();
    },
  );
  readonly tools: Record<ToolName, Tool> = {
    prompt: promptTool(),
    brush: brushTool(false),
    eraser: brushTool(true),
    select: selectTool(),
    pan: panTool(),
  };
  tool: ToolName = "prompt";
  radius = 8;
  opacity = 0.4;
  masksVisible = true;
  /** Nothing may be edited: another tab or another person has the image. */
  locked = false;

  constructor(private readonly events: EditorEvents) {}

  get doc(): Doc {
    return this.history.present;
  }
  get canUndo(): boolean {
    return this.history.past.length > 0;
  }
  get canRedo(): boolean {
    return this.history.future.length > 0;
  }

  /** Puts the canvases into `host`. Returns the function that takes them away. */
  mount(host: HTMLElement): () => void {
    this.stage = new Stage(host, this);
    const editor = this;
    const stopListening = listen(this.stage.surface, {
      get camera() {
        return editor.view.camera;
      },
      get pans() {
        return editor.spaceHeld || editor.tool === "pan";
      },
      down: (p) => !this.locked && this.tools[this.tool].down(p, this),
      move: (p) => this.moved(p),
      up: (p) => this.tools[this.tool].up(p, this),
      leave: () => this.left(),
      cancel: () => this.tools[this.tool].cancel(this),
      pan: (dx, dy) => this.view.panBy(dx, dy),
      zoom: (at, factor) => this.view.zoomAt(at, factor),
    });
    this.updateCursor();
    return () => {
      stopListening();
      this.stage?.dispose();
      this.stage = null;
    };
  }

  /** A new image with its masks; the history starts anew. */
  open(doc: Doc, image: CanvasImageSource | null): void {
    this.tools[this.tool].cancel(this);
    this.history = historyOf(doc);
    this.image = image;
    this.highlightId = null;
    this.preview = null;
    this.view.fit();
    this.changed();
  }

  /** An edit that undo takes back. */
  apply(action: Action): boolean {
    return !this.locked && this.turnTo(push(this.history, action(this.doc)));
  }
  /** A change that is no step of its own: an answer that arrived. */
  amend(action: Action): boolean {
    return this.turnTo(replace(this.history, action(this.doc)));
  }
  /** A change from outside, which undo must not bring back. */
  impose(action: Action): void {
    this.history = rebase(this.history, action);
    this.changed();
  }
  undo(): boolean {
    return !this.locked && this.turnTo(undo(this.history));
  }
  redo(): boolean {
    return !this.locked && this.turnTo(redo(this.history));
  }

  /** Leaves the gesture first, then the draft. */
  escape(): void {
    if (this.live) this.tools[this.tool].cancel(this);
    else this.apply(cancelDraft);
  }

  setTool(tool: ToolName): void {
    this.tools[this.tool].cancel(this);
    this.tool = tool;
    this.highlightId = null;
    this.setPreview(null);
    this.events.onHover(null);
    this.updateCursor();
    this.changed();
  }

  setRadius(radius: number): void {
    this.radius = clamp(radius, BRUSH_MIN, BRUSH_MAX);
    this.changed();
  }

  setLook(look: { opacity?: number; masksVisible?: boolean }): void {
    this.opacity = look.opacity ?? this.opacity;
    this.masksVisible = look.masksVisible ?? this.masksVisible;
    this.changed();
  }

  holdSpace(held: boolean): void {
    this.spaceHeld = held;
    this.updateCursor();
  }

  highlight(id: string | null): void {
    if (this.highlightId === id) return;
    this.highlightId = id;
    this.stage?.invalidate("overlay");
  }

  setPreview(preview: Preview | null): void {
    if (this.preview === preview) return;
    this.preview = preview;
    this.stage?.invalidate("overlay");
  }

  /** Takes up a mask; a draft with work in it is accepted, not lost. */
  takeUp(id: string): void {
    if (this.doc.draft?.id === id) return;
    const close: Action = (doc) => (isTouched(doc.draft) ? accept(this.events.figures())(standAlone(doc)) : doc);
    this.apply((doc) => refine(id)(close(doc)));
    if (this.tool === "select" || this.tool === "pan") this.setTool("prompt");
  }

  // -- the rest of what tools ask for

  newId(): string {
    return this.events.newId();
  }
  setLive(live: Live | null): void {
    this.live = live;
    this.stage?.invalidate("overlay");
  }
  panBy(dx: number, dy: number): void {
    this.view.panBy(dx, dy);
  }
  resized(size: Size): void {
    this.view.resized(size);
  }
  hoverAt(point: ImagePoint | null): void {
    this.events.onHover(this.locked ? null : point);
  }

  private turnTo(next: History<Doc>): boolean {
    if (next === this.history) return false;
    const before = this.doc;
    this.history = next;
    this.setPreview(null);
    this.changed();
    this.events.onEdit(before, this.doc);
    return true;
  }

  private changed(): void {
    this.stage?.invalidate("masks", "overlay", "cursor");
    this.events.onChange();
  }

  private moved(pointer: ToolPointer): void {
    this.pointer = pointer.image;
    if (!this.spaceHeld) this.tools[this.tool].move(pointer, this);
    if (this.tool === "brush" || this.tool === "eraser") this.stage?.invalidate("cursor");
  }

  private left(): void {
    this.pointer = null;
    this.highlight(null);
    this.events.onHover(null);
    this.setPreview(null);
    this.stage?.invalidate("cursor");
  }

  private updateCursor(): void {
    if (this.stage) this.stage.surface.style.cursor = this.spaceHeld ? "grab" : this.tools[this.tool].cursor;
  }

  scene(): Scene {
    const { doc, image, opacity } = this;
    const paints = this.tool === "brush" || this.tool === "eraser";
    return {
      camera: this.view.camera,
      image,
      masks: { opacity, hiddenId: doc.draft?.id ?? null, visible: this.masksVisible },
      overlay: {
        doc,
        opacity,
        preview: this.preview && shapeOf(this.preview.runs, this.preview),
        highlightId: this.highlightId,
        live: this.live,
      },
      ring: paints && this.pointer ? { at: this.pointer, radius: this.radius, erase: this.tool === "eraser" } : null,
    };
  }
}
