/**
 * Hints at the pace of work: an object that takes long should be left (the paper's rule for its annotators), and
 * proposals cannot be judged faster than they can be seen.
 */

const HINT_AFTER_MS = 30_000;
const LOOK_EVERY_MS = 1_000;
const GLANCE_MS = 300;
const READING_MS = 1_000;

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

/** Asks once an image before proposals are kept that nobody can have looked at. Times are of one clock, in ms. */
export class Haste {
  private shownAt = 0;
  private readonly askedAt = new Map<string, number>();

  /** The proposals are on screen from now on. */
  shown(now = performance.now()): void {
    this.shownAt = now;
  }

  /** What a wish to go on from a task with so many proposals left meets; "wait" while the question can't have been read. */
  check(taskId: string, proposals: number, now = performance.now()): "go" | "ask" | "wait" {
    const asked = this.askedAt.get(taskId);
    if (asked !== undefined) return now - asked < READING_MS ? "wait" : "go";
    if (now - this.shownAt >= proposals * GLANCE_MS) return "go";
    this.askedAt.set(taskId, now);
    return "ask";
  }
}
