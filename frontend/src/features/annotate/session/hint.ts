/** Watches how long one object has been open. An object that takes longer should be left (the paper's rule for its annotators). */

const HINT_AFTER_MS = 30_000;
const LOOK_EVERY_MS = 1_000;

export class ObjectTimer {
  private open: { id: string; since: number } | null = null;

  /** Whether the draft with this id has been open for too long. */
  overdue(draftId: string | null, now = Date.now()): boolean {
    if (draftId === null) this.open = null;
    else if (this.open?.id !== draftId) this.open = { id: draftId, since: now };
    return this.open !== null && now - this.open.since > HINT_AFTER_MS;
  }
}

/** Tells every second whether the open draft is overdue. Returns the function that stops it. */
export function watchObject(draftId: () => string | null, tell: (overdue: boolean) => void): () => void {
  const timer = new ObjectTimer();
  const ticker = setInterval(() => tell(timer.overdue(draftId())), LOOK_EVERY_MS);
  return () => clearInterval(ticker);
}
