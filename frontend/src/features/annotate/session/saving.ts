/** Between editor and queue: every change of the masks becomes a write, and what the queue brings back changes the masks. */
import type { Task } from "../../../api/types";
import { replaceMask, settle } from "../../../editor/actions";
import type { EditorController } from "../../../editor/controller";
import { changesOf, type Doc } from "../../../editor/document";
import { contentOf, docMaskOf, docMaskOfWrite } from "../convert";
import { deleteMask, putMask } from "../http";
import { type SaveState, type Stuck, WriteQueue } from "../sync/queue";
import { openWriteStore, type Write } from "../sync/store";
import { exclusively, tabChannel } from "../sync/tabs";

export class Saving {
  private constructor(
    readonly queue: WriteQueue,
    private readonly close: () => void,
  ) {}

  static async start(userId: string, onState: (state: SaveState) => void): Promise<Saving> {
    const name = `maskloom-writes-${userId}`;
    const channel = tabChannel(name, () => void queue.refresh());
    const queue: WriteQueue = new WriteQueue({
      store: await openWriteStore(),
      transport: { put: putMask, remove: deleteMask },
      userId,
      onState,
      exclusive: exclusively(name),
      announce: channel.announce,
    });
    const online = () => queue.flush();
    // Kept here, but not on the server: worth a question before the window closes.
    const leaving = (event: BeforeUnloadEvent) => queue.isWaiting && event.preventDefault();
    window.addEventListener("online", online);
    window.addEventListener("beforeunload", leaving);
    queue.flush();
    return new Saving(queue, () => {
      window.removeEventListener("online", online);
      window.removeEventListener("beforeunload", leaving);
      channel.close();
      queue.stop();
    });
  }

  dispose(): void {
    this.close();
  }

  /**
   * The task's masks as the server has them, with the writes on top that it has not got yet. `waiting` must have been read before the
   * task: a write sent in between is then in both, and not in neither.
   */
  docOf(task: Task, waiting: readonly Write[]): Doc {
    const masks = new Map(task.masks.map((mask) => [mask.id, docMaskOf(mask)]));
    const stored = new Map(task.masks.map((mask) => [mask.id, mask.revision]));
    for (const [id, revision] of stored) this.queue.know(id, revision);
    for (const { maskId, imageId, revision, content } of waiting) {
      if (imageId !== task.image.id || (stored.get(maskId) ?? 0) >= revision) continue;
      this.queue.know(maskId, revision);
      if (content) masks.set(maskId, docMaskOfWrite(maskId, { ...content, revision }));
      else masks.delete(maskId);
    }
    return { size: { h: task.image.height, w: task.image.width }, masks: [...masks.values()], draft: null };
  }

  /** Queues what an edit, an undo or a redo has changed. */
  record(editor: EditorController, task: Task, before: Doc, after: Doc): void {
    const image = { id: task.image.id, name: task.image.file_name };
    const { saved, removed } = changesOf(before, after);
    for (const mask of saved) void this.queue.enqueue(mask.id, image, contentOf(mask, task.id, task.image.id));
    for (const mask of removed) void this.queue.enqueue(mask.id, image, null);
    const restored = saved.filter((mask) => mask.status !== "accepted");
    if (restored.length > 0) editor.impose(settle(restored));
  }

  /** Takes what the server has in place of the stuck write. */
  async takeTheirs(editor: EditorController, task: Task | null, stuck: Stuck): Promise<void> {
    await this.queue.discard(stuck);
    if (stuck.code !== "stale_revision" || task?.image.id !== stuck.write.imageId) return;
    editor.impose(replaceMask(stuck.write.maskId, stuck.current && docMaskOf(stuck.current)));
  }
}
