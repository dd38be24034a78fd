/** Everything the keyboard can do, once: the key handler, the tooltips and the list behind `?` read it. */
import { choose, cycle } from "../../editor/actions";
import type { AnnotateSession } from "./session/session";

export type Command = {
  readonly group: "Object" | "Tools" | "Image" | "View";
  readonly label: string;
  /** As `keyOf` spells them. */
  readonly keys: readonly string[];
  run(session: AnnotateSession): void;
  /** Where the key means something else, such as Tab, which also moves the focus. */
  applies?(session: AnnotateSession): boolean;
};

const severalAnswers = (session: AnnotateSession) => (session.editor.doc.draft?.answers?.length ?? 0) > 1;

const candidate = (n: number): Command => ({
  group: "Object",
  label: `Candidate ${n}`,
  keys: [`${n}`],
  applies: severalAnswers,
  run: ({ editor }) => void editor.apply(choose(n - 1)),
});

export const COMMANDS = {
  accept: {
    group: "Object",
    label: "Accept the mask; the next click starts a new one",
    keys: ["Enter", "N"],
    run: (s) => s.accept(),
  },
  clear: { group: "Object", label: "Clear the open mask", keys: ["Escape"], run: ({ editor }) => editor.escape() },
  nextCandidate: {
    group: "Object",
    label: "Next candidate",
    keys: ["Tab"],
    applies: severalAnswers,
    run: ({ editor }) => void editor.apply(cycle(1)),
  },
  previousCandidate: {
    group: "Object",
    label: "Previous candidate",
    keys: ["Shift+Tab"],
    applies: severalAnswers,
    run: ({ editor }) => void editor.apply(cycle(-1)),
  },
  candidate1: candidate(1),
  candidate2: candidate(2),
  candidate3: candidate(3),
  delete: {
    group: "Object",
    label: "Delete the open mask",
    keys: ["Delete", "Backspace"],
    run: (s) => s.deleteCurrent(),
  },
  undo: { group: "Object", label: "Undo", keys: ["Ctrl+Z"], run: ({ editor }) => void editor.undo() },
  redo: { group: "Object", label: "Redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], run: ({ editor }) => void editor.redo() },
  prompt: { group: "Tools", label: "Click and box", keys: ["C"], run: ({ editor }) => editor.setTool("prompt") },
  brush: { group: "Tools", label: "Brush", keys: ["B"], run: ({ editor }) => editor.setTool("brush") },
  eraser: { group: "Tools", label: "Eraser", keys: ["E"], run: ({ editor }) => editor.setTool("eraser") },
  select: {
    group: "Tools",
    label: "Select a mask to refine it",
    keys: ["V"],
    run: ({ editor }) => editor.setTool("select"),
  },
  pan: { group: "Tools", label: "Move the image", keys: ["H"], run: ({ editor }) => editor.setTool("pan") },
  smaller: {
    group: "Tools",
    label: "Smaller brush",
    keys: ["["],
    run: ({ editor }) => editor.setRadius(editor.radius / 1.25),
  },
  larger: {
    group: "Tools",
    label: "Larger brush",
    keys: ["]"],
    run: ({ editor }) => editor.setRadius(Math.max(editor.radius * 1.25, editor.radius + 0.5)),
  },
  next: { group: "Image", label: "Done, next image", keys: ["D", "ArrowRight"], run: (s) => void s.finish(false) },
  previous: { group: "Image", label: "Back to the image before", keys: ["A", "ArrowLeft"], run: (s) => void s.back() },
  skip: { group: "Image", label: "Skip this image", keys: ["S"], run: (s) => void s.finish(true) },
  fit: { group: "View", label: "Fit the image", keys: ["F"], run: ({ editor }) => editor.view.fit() },
  zoomIn: { group: "View", label: "Zoom in", keys: ["+", "="], run: ({ editor }) => editor.view.zoom(1.4) },
  zoomOut: { group: "View", label: "Zoom out", keys: ["-"], run: ({ editor }) => editor.view.zoom(1 / 1.4) },
  closer: {
    group: "View",
    label: "Look closer when zoomed in, or always at the whole image",
    keys: ["L"],
    run: (s) => s.setDetailed(!s.state.detailed),
  },
  masks: {
    group: "View",
    label: "Hide or show the masks",
    keys: ["M"],
    run: ({ editor }) => editor.setLook({ masksVisible: !editor.masksVisible }),
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

/** Things done with the mouse, for the list behind `?`. */
export const GESTURES: readonly (readonly [keys: string, label: string])[] = [
  ["Left click", "This belongs to the object"],
  ["Right click, Alt+click", "This does not belong to it"],
  ["Drag", "A box around the object"],
  ["Shift+click", "A new object, even on a proposal"],
  ["Wheel", "Zoom at the pointer; the model looks as closely as you do, and no further than the screen"],
  ["Space+drag, middle button", "Move the image"],
  ["Right button with the brush", "Erase (with the eraser: paint)"],
];

/** "Ctrl+Shift+Z", "Enter", "?": modifiers that make a difference, then the key. Command on a Mac counts as Ctrl. */
export function keyOf(event: KeyboardEvent): string {
  const letter = event.key.length === 1 && event.key.toUpperCase() !== event.key.toLowerCase();
  const key = letter ? event.key.toUpperCase() : event.key;
  const control = event.ctrlKey || event.metaKey;
  // Shift is part of what "?" or "+" is, but not of a letter or a named key.
  const shift = event.shiftKey && (letter || event.key.length > 1);
  return `${control ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${key}`;
}

export function commandFor(key: string): Command | undefined {
  return (Object.values(COMMANDS) as Command[]).find((command) => command.keys.includes(key));
}

/** "Esc" is what the keyboard says. */
export const keyLabel = (key: string): string =>
  key.replace("Escape", "Esc").replace("ArrowRight", "→").replace("Delete", "Del").replace("Backspace", "⌫");
