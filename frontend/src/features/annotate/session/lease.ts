/** Keeps a task's lease alive while its image is open, and tells when it is gone or a new model has come. */
import { ApiError } from "../../../api/problem";
import type { Task } from "../../../api/types";
import { heartbeat } from "../http";

const BEAT_MS = 45_000;

type Events = { onLost(): void; onModel(modelId: string | null): void };

export class Lease {
  private timer: ReturnType<typeof setInterval> | undefined;
  private task: Task | null = null;

  constructor(private readonly events: Events) {}

  keep(task: Task): void {
    this.drop();
    this.task = task;
    this.timer = setInterval(() => void this.beat(), BEAT_MS);
  }

  drop(): void {
    clearInterval(this.timer);
    this.task = null;
  }

  /** Offline and signed out are the queue's business; only the server's own "no" ends a lease. */
  async beat(): Promise<void> {
    const { task } = this;
    if (!task) return;
    try {
      const { model_id } = await heartbeat(task.id);
      if (this.task === task) this.events.onModel(model_id);
    } catch (error) {
      if (this.task === task && error instanceof ApiError && [404, 409].includes(error.status)) this.events.onLost();
    }
  }
}
