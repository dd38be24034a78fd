/** Undo as a stack of values. */

export type History<T> = { readonly past: readonly T[]; readonly present: T; readonly future: readonly T[] };

const LIMIT = 300;

export const historyOf = <T>(present: T): History<T> => ({ past: [], present, future: [] });

/** A step that undo takes back. The same value again is no step. */
export function push<T>(history: History<T>, next: T): History<T> {
  if (next === history.present) return history;
  return { past: [...history.past, history.present].slice(-LIMIT), present: next, future: [] };
}

/** Changes the present without a step: answers that arrive, selections. */
export const replace = <T>(history: History<T>, next: T): History<T> =>
  next === history.present ? history : { ...history, present: next };

/** Changes every state: what came from outside must not come back by undo. */
export function rebase<T>(history: History<T>, change: (value: T) => T): History<T> {
  return { past: history.past.map(change), present: change(history.present), future: history.future.map(change) };
}

export function undo<T>(history: History<T>): History<T> {
  const previous = history.past.at(-1);
  if (previous === undefined) return history;
  return { past: history.past.slice(0, -1), present: previous, future: [history.present, ...history.future] };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future };
}
