/** Working time: the time between signs of life, where a pause counts for at most ten seconds of it. */

const LONGEST_PAUSE_MS = 10_000;

export class WorkClock {
  private worked = 0;
  private last: number;
  private lapStart = 0;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.last = now();
  }

  /** A pointer moved, a key was pressed. */
  note(): void {
    const now = this.now();
    this.worked += Math.min(now - this.last, LONGEST_PAUSE_MS);
    this.last = now;
  }

  /** Seconds since the last lap. */
  get lapSeconds(): number {
    this.note();
    return (this.worked - this.lapStart) / 1000;
  }

  get totalSeconds(): number {
    this.note();
    return this.worked / 1000;
  }

  /** The next object begins. */
  lap(): void {
    this.note();
    this.lapStart = this.worked;
  }

  /** The seconds since the last lap; the next one begins. */
  takeLap(): number {
    const seconds = this.lapSeconds;
    this.lap();
    return seconds;
  }

  reset(): void {
    this.last = this.now();
    this.worked = 0;
    this.lapStart = 0;
  }
}
