/** The keyboard of the annotation page. Fields and dialogs keep their keys. */
import { useEffect } from "react";
import { commandFor, keyOf } from "./commands";
import type { AnnotateSession } from "./session/session";

const TYPING = "input:not([type=range]), textarea, select, [contenteditable=true]";

function isElsewhere(target: EventTarget | null): boolean {
  if (document.querySelector('[role="dialog"]')) return true;
  return target instanceof Element && target.closest(TYPING) !== null;
}

/** Enter and space on a button press it, as they do everywhere. */
const pressesButton = (event: KeyboardEvent) =>
  (event.key === "Enter" || event.key === " ") &&
  event.target instanceof Element &&
  event.target.closest("button, a, [role=slider]") !== null;

export function useShortcuts(session: AnnotateSession | null, onHelp: () => void): void {
  useEffect(() => {
    if (!session) return;
    const down = (event: KeyboardEvent) => {
      if (isElsewhere(event.target) || pressesButton(event)) return;
      session.noteActivity();
      if (event.key === " ") {
        session.editor.holdSpace(true);
        event.preventDefault();
        return;
      }
      const key = keyOf(event);
      if (key === "?") return onHelp();
      const command = commandFor(key);
      if (!command || (command.applies && !command.applies(session))) return;
      event.preventDefault();
      command.run(session);
    };
    const up = (event: KeyboardEvent) => event.key === " " && session.editor.holdSpace(false);
    const letGo = () => session.editor.holdSpace(false);
    window.addEventListener("keydown", down);
    window.addEventListener("keyup", up);
    window.addEventListener("blur", letGo);
    return () => {
      window.removeEventListener("keydown", down);
      window.removeEventListener("keyup", up);
      window.removeEventListener("blur", letGo);
    };
  }, [session, onHelp]);
}
