/** The keyboard of the annotation page. Fields and dialogs keep their keys. */
import { useEffect } from "react";
import { commandFor, keyOf } from "./commands";
import type { AnnotateSession } from "./session/session";

const TYPING = "input:not([type=range], [type=radio]), textarea, select, [contenteditable=true]";
/** These move by arrow keys and nothing else: a candidate chosen with the mouse must still be accepted by Enter. */
const MOVED_BY_ARROWS = "[type=range], [type=radio], [role=slider]";

const isIn = ({ target }: KeyboardEvent, selector: string) =>
  target instanceof Element && target.closest(selector) !== null;

/** Whether the key means something to where the focus is. */
export function isElsewhere(event: KeyboardEvent): boolean {
  if (document.querySelector('[role="dialog"]')) return true;
  // Enter and space on a button press it, as they do everywhere.
  const presses = event.key === "Enter" || event.key === " ";
  return (
    isIn(event, TYPING) ||
    (presses && isIn(event, "button, a, [role=slider]")) ||
    (event.key.startsWith("Arrow") && isIn(event, MOVED_BY_ARROWS))
  );
}

export function useShortcuts(session: AnnotateSession | null, onHelp: () => void): void {
  useEffect(() => {
    if (!session) return;
    const down = (event: KeyboardEvent) => {
      if (isElsewhere(event)) return;
      session.clock.note();
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
      // A key held down must not leave one image after the other.
      if (!(event.repeat && command.group === "Image")) command.run(session);
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
