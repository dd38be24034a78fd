/**
 * Hints at the pace of work: an object that takes long should be left (the paper's rule for its annotators), and
 * proposals cannot be judged faster than they can be seen.
 */

const HINT_AFTER_MS = 30_000;
const LOOK_EVERY_MS = 1_000;
const GLANCE_S = 0.3;

/** Whether so many proposals cannot have been looked at in this time. */
export function isHasty(proposals: number, seconds: number): boolean {
  return seconds < proposals * GLANCE_S;
}

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
