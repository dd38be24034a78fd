/**
 * Saving as things are made. Every accepted, changed or deleted mask is written to the store at once and sent from there, oldest
 * first; a write leaves the store when the server has it. Nothing is lost by a crash, an hour offline, an expired sign-in or a second
 * tab: only one tab sends at a time, the server knows repeated writes by their revision.
 */
import { ApiError, messageOf } from "../../../api/problem";
import type { Mask } from "../../../api/types";
import type { MaskContent } from "../convert";
import type { Write, WriteStore } from "./store";

/** What stops one write until a person decides. */
export type Stuck = {
  readonly write: Write;
  readonly code: "stale_revision" | "lease_lost" | "refused";
  readonly message: string;
  /** The server's state: its revision, and its mask unless that is gone. */
  readonly revision: number;
  readonly current: Mask | null;
};

export type SaveState = {
  readonly status: "saved" | "saving" | "offline" | "signed_out" | "stuck";
  readonly pending: number;
  readonly message: string;
  readonly stuck: readonly Stuck[];
};

export type Transport = {
  put(maskId: string, body: MaskContent & { revision: number }): Promise<unknown>;
  remove(maskId: string, revision: number): Promise<void>;
};

export type QueueOptions = {
  readonly store: WriteStore;
  readonly transport: Transport;
  readonly userId: string;
  onState(state: SaveState): void;
  /** Runs the work while no other tab does. */
  readonly exclusive?: <T>(work: () => Promise<T>) => Promise<T>;
  /** Tells other tabs that the store has changed. */
  readonly announce?: () => void;
};

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export class WriteQueue {
  private readonly revisions = new Map<string, number>();
  private readonly stuck = new Map<string, Stuck>();
  private flushing: Promise<void> | null = null;
  private again = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private pause = FIRST_PAUSE_MS;
  private trouble: Pick<SaveState, "status" | "message"> | null = null;
  private stopped = false;
  /** Writes that the store has not taken yet, and that the server has not. */
  private storing = 0;
  private waiting = 0;

  constructor(private readonly options: QueueOptions) {}

  /** What the server (or an unsent write) has as the mask's revision. */
  know(maskId: string, revision: number): void {
    this.revisions.set(maskId, Math.max(revision, this.revisions.get(maskId) ?? 0));
  }

  /** Stores a write and sends it soon. `content` null deletes. */
  async enqueue(maskId: string, image: { id: string; name: string }, content: MaskContent | null): Promise<void> {
    const revision = (this.revisions.get(maskId) ?? 0) + 1;
    this.revisions.set(maskId, revision);
    this.stuck.delete(maskId);
    const { store, userId } = this.options;
    this.storing += 1;
    const put = store.put({
      maskId,
      userId,
      imageId: image.id,
      imageName: image.name,
      revision,
      content,
      queuedAt: Date.now(),
    });
    await put.finally(() => {
      this.storing -= 1;
    });
    this.options.announce?.();
    this.flush();
  }

  /** What the server has not got yet, oldest first. */
  pending(): Promise<Write[]> {
    return this.options.store.all(this.options.userId);
  }

  /** Whether the server lacks something. */
  get isWaiting(): boolean {
    return this.storing + this.waiting > 0;
  }

  /** Sends what is waiting, now. */
  flush(): void {
    clearTimeout(this.retry);
    if (this.flushing) {
      this.again = true;
      return;
    }
    this.flushing = this.sendAll().finally(() => {
      this.flushing = null;
      if (!this.again) return;
      this.again = false;
      this.flush();
    });
  }

  /** Resolves once nothing of the image waits any more; false when something is stuck or cannot be sent now. */
  async drained(imageId: string): Promise<boolean> {
    this.flush();
    while (this.flushing) await this.flushing;
    return !(await this.pending()).some((write) => write.imageId === imageId);
  }

  /** Counts again, after another tab has changed the store. */
  async refresh(): Promise<void> {
    const pending = await this.pending();
    const waits = ({ write }: Stuck) =>
      pending.some(({ maskId, revision }) => maskId === write.maskId && revision === write.revision);
    for (const [maskId, stuck] of this.stuck) if (!waits(stuck)) this.stuck.delete(maskId);
    if (!this.flushing) this.report(pending.length);
  }

  /** The stuck write is sent once more, over what the server has. */
  async keepMine(stuck: Stuck): Promise<void> {
    this.know(stuck.write.maskId, stuck.revision);
    const { maskId, imageId, imageName, content } = stuck.write;
    await this.enqueue(maskId, { id: imageId, name: imageName }, content);
  }

  /** The stuck write is given up. */
  async discard(stuck: Stuck): Promise<void> {
    this.stuck.delete(stuck.write.maskId);
    this.know(stuck.write.maskId, stuck.revision);
    await this.options.store.remove(stuck.write);
    this.options.announce?.();
    this.flush();
  }

  /** What waits is still sent once, since the page may never come back; nothing is reported or tried again. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
  }

  private async sendAll(): Promise<void> {
    const exclusive = this.options.exclusive ?? ((work) => work());
    await exclusive(async () => {
      this.trouble = null;
      for (;;) {
        const writes = await this.pending();
        const next = writes.find((write) => this.stuck.get(write.maskId)?.write.revision !== write.revision);
        this.report(writes.length, next !== undefined);
        if (!next) return;
        if (!(await this.send(next))) return this.report(writes.length);
      }
    });
  }

  /** false when sending should pause. */
  private async send(write: Write): Promise<boolean> {
    const { store, transport } = this.options;
    try {
      if (write.content) await transport.put(write.maskId, { ...write.content, revision: write.revision });
      else await transport.remove(write.maskId, write.revision);
    } catch (error) {
      return this.failed(write, error);
    }
    this.pause = FIRST_PAUSE_MS;
    await store.remove(write);
    this.options.announce?.();
    return true;
  }

  private failed(write: Write, error: unknown): boolean {
    if (error instanceof ApiError && error.status === 401) {
      this.trouble = { status: "signed_out", message: "You are signed out. Sign in to save what is waiting." };
      return false;
    }
    if (error instanceof ApiError && error.status < 500 && ![408, 425, 429].includes(error.status)) {
      const stale = error.code === "stale_revision" || error.code === "lease_lost";
      this.stuck.set(write.maskId, {
        write,
        code: stale ? (error.code as Stuck["code"]) : "refused",
        message: error.message,
        revision: typeof error.problem.revision === "number" ? error.problem.revision : write.revision,
        current: (error.problem.current as Mask | null | undefined) ?? null,
      });
      return true;
    }
    this.trouble = { status: "offline", message: messageOf(error) };
    if (this.stopped) return false;
    this.retry = setTimeout(() => this.flush(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    return false;
  }

  private report(pending: number, sending = false): void {
    this.waiting = pending;
    if (this.stopped) return;
    const stuck = [...this.stuck.values()];
    const status =
      this.trouble?.status ?? (sending ? "saving" : stuck.length > 0 ? "stuck" : pending > 0 ? "saving" : "saved");
    this.options.onState({ status, pending, message: this.trouble?.message ?? "", stuck });
  }
}
