/** What the page shows of a session; one value, replaced on every change. */
import type { Model, Task } from "../../../api/types";
import type { EditorController } from "../../../editor/controller";
import { type Doc, emptyDoc } from "../../../editor/document";
import type { ToolName } from "../../../editor/tools/tool";
import type { SaveState } from "../sync/queue";
import type { Look } from "./details";

export type DecoderState =
  /** The dataset has no model. */
  | { readonly kind: "none" }
  /** The server is embedding the image. */
  | { readonly kind: "waiting"; readonly since: number }
  | { readonly kind: "loading" }
  | { readonly kind: "ready"; readonly threads: number }
  | { readonly kind: "failed"; readonly message: string };

export type SessionState = {
  readonly phase: "loading" | "working" | "finishing" | "nothing_left" | "other_tab" | "failed";
  readonly error: unknown;
  readonly task: Task | null;
  readonly model: Model | null;
  /** The server has a newer model than the one in use. */
  readonly newModel: boolean;
  readonly leaseLost: boolean;
  /** There is an image that was done or skipped here before. */
  readonly hasPrevious: boolean;
  readonly decoder: DecoderState;
  readonly decodeMs: number | null;
  /** Prompts are about the part of the image that is on screen. */
  readonly detailed: boolean;
  /** The detail that is looked at, null while that is the whole image. */
  readonly look: Look | null;
  readonly save: SaveState;
  /** The open object has taken longer than an object should. */
  readonly hint: boolean;
  readonly doc: Doc;
  readonly tool: ToolName;
  readonly radius: number;
  readonly opacity: number;
  readonly masksVisible: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
};

export const INITIAL: SessionState = {
  phase: "loading",
  error: null,
  task: null,
  model: null,
  newModel: false,
  leaseLost: false,
  hasPrevious: false,
  decoder: { kind: "none" },
  decodeMs: null,
  detailed: true,
  look: null,
  save: { status: "saved", pending: 0, message: "", stuck: [] },
  hint: false,
  doc: emptyDoc({ h: 1, w: 1 }),
  tool: "prompt",
  radius: 8,
  opacity: 0.4,
  masksVisible: true,
  canUndo: false,
  canRedo: false,
};

/** What outlives a change of image. The last task stays on screen until the next one is here. */
export function betweenImages(state: SessionState): SessionState {
  const { save, tool, radius, opacity, masksVisible, detailed, task, model, doc, hasPrevious } = state;
  const kept = { save, tool, radius, opacity, masksVisible, detailed, task, model, doc, hasPrevious };
  return { ...INITIAL, ...kept, phase: "loading" };
}

/** What the page shows of the editor. */
export function lookOf(editor: EditorController): Partial<SessionState> {
  const { doc, tool, radius, opacity, masksVisible, canUndo, canRedo } = editor;
  return { doc, tool, radius, opacity, masksVisible, canUndo, canRedo };
}
