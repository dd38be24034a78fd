/** One annotator at work on one dataset: leases images, opens them, has drafts decoded and masks saved, moves on. Knows no React. */
import { createStore } from "zustand/vanilla";
import { isSignedOut, messageOf } from "../../../api/problem";
import type { Task } from "../../../api/types";
import { accept, cancelDraft, remove, standAlone } from "../../../editor/actions";
import { EditorController } from "../../../editor/controller";
import { awaitsAnswer, type Doc, isTouched } from "../../../editor/document";
import { plural } from "../../../lib/format";
import { completeTask, leaseTask } from "../http";
import { uuid7 } from "../ids";
import type { Stuck } from "../sync/queue";
import { type Hold, hold } from "../sync/tabs";
import { WorkClock } from "./clock";
import { Decoding } from "./decoding";
import { keepDraft, keptView, withKeptDraft } from "./drafts";
import { Haste, watchObject } from "./hint";
import { loadImage } from "./image";
import { Lease } from "./lease";
import { watchDataset } from "./live";
import { DRAFT_OPEN, NOTHING_TO_ACCEPT, type Notify, UNSAVED, unlooked } from "./messages";
import { Saving } from "./saving";
import { betweenImages, INITIAL, lookOf, type SessionState } from "./state";

export type SessionOptions = {
  readonly datasetId: string;
  readonly userId: string;
  readonly notify: Notify;
};

export class AnnotateSession {
  readonly store = createStore<SessionState>(() => INITIAL);
  readonly editor: EditorController;
  readonly clock = new WorkClock();
  private readonly decoding: Decoding;
  private readonly lease: Lease;
  private saving: Saving | null = null;
  private starting: Promise<Saving> | null = null;
  private tab: Hold | null = null;
  private acceptWhenAnswered = false;
  private readonly stops: readonly (() => void)[];
  /** Counts the images asked for: an answer to an older question is not acted on. */
  private turn = 0;
  private wanted: string | null = null;
  /** Images done or skipped on this page, the latest last. */
  private readonly behind: string[] = [];
  private readonly haste = new Haste();

  constructor(private readonly options: SessionOptions) {
    this.editor = new EditorController({
      onChange: () => this.set(lookOf(this.editor)),
      onEdit: (before, after) => this.edited(before, after),
      onHover: (point) => this.decoding.hover(point),
      onMove: () => this.decoding.moved(),
      figures: () => ({ modelId: this.modelId, seconds: this.clock.takeLap() }),
      newId: () => uuid7(),
    });
    this.decoding = new Decoding(this.editor, {
      onDecoder: (decoder) => this.set({ decoder }),
      onLook: (look) => this.set({ look }),
      onDecoded: (result) => this.set({ decodeMs: result.decodeMs }),
      onAnswered: () => this.acceptWhenAnswered && this.accept(),
      onFailure: (message) => this.options.notify(message, "error"),
    });
    this.lease = new Lease({
      onLost: () => this.loseLease(),
      onModel: (id) => this.set({ newModel: id !== null && id !== this.modelId }),
    });
    this.stops = [
      watchObject(
        () => this.editor.doc.draft?.id ?? null,
        (hint) => hint !== this.state.hint && this.set({ hint }),
      ),
      watchDataset(options.datasetId, {
        onModelActivated: () => void this.lease.beat(),
        onEmbedded: (id) => (id === null || id === this.state.task?.image.id) && this.decoding.nudge(),
      }),
    ];
  }

  get state(): SessionState {
    return this.store.getState();
  }

  /** Opens a certain image, or whichever is next. `takeOver` takes it from another tab. */
  async open(imageId: string | null, takeOver = false): Promise<void> {
    this.leave();
    this.wanted = imageId;
    const turn = ++this.turn;
    // Until the next image is here, nothing may be drawn on the old one.
    this.editor.locked = true;
    this.set(betweenImages(this.state));
    this.decoding.expect();
    let leased: Task | null = null;
    try {
      this.starting ??= Saving.start(this.options.userId, (save) => this.set({ save }));
      const saving = await this.starting;
      this.saving = saving;
      const waiting = await saving.queue.pending();
      const task = await leaseTask(this.options.datasetId, imageId);
      leased = task;
      if (turn !== this.turn) return;
      if (!task) return this.set({ phase: "nothing_left" });
      this.set({ task, model: task.model });
      this.decoding.expect(task.model, task.image);
      const tab = await hold(`maskloom-image-${task.image.id}`, takeOver, () => this.loseTab());
      if (turn !== this.turn) return tab?.release();
      this.tab = tab;
      if (!tab) return this.set({ phase: "other_tab" });
      const image = await loadImage(task.image);
      // Left for another image, or taken over by another tab, while it loaded.
      if (this.tab !== tab) return;
      this.begin(task, withKeptDraft(this.options.userId, task.image.id, saving.docOf(task, waiting)), image);
    } catch (error) {
      if (turn === this.turn) this.set({ phase: "failed", error, task: leased });
    }
  }

  private begin(task: Task, doc: Doc, image: HTMLImageElement): void {
    this.editor.locked = false;
    const seen = doc.draft && keptView(this.options.userId, task.image.id);
    this.editor.open(doc, image);
    if (seen) this.editor.view.show(seen);
    this.clock.reset();
    this.haste.shown();
    this.lease.keep(task);
    this.set({ phase: "working", leaseLost: false });
    void this.decoding.open(task.model, task.image);
  }

  /** The draft becomes a mask, now or as soon as its answer is here. */
  accept(): void {
    const { draft } = this.editor.doc;
    this.acceptWhenAnswered = awaitsAnswer(draft) && this.state.decoder.kind === "ready";
    if (!draft || this.acceptWhenAnswered) return;
    const accepted = accept({ modelId: this.modelId, seconds: this.clock.lapSeconds });
    if (this.editor.apply((doc) => accepted(standAlone(doc)))) this.clock.lap();
    else this.options.notify(NOTHING_TO_ACCEPT, "info");
  }

  /** Whether prompts are about what is on screen, or always about the whole image. */
  setDetailed(detailed: boolean): void {
    this.set({ detailed });
    this.decoding.setDetailed(detailed);
  }

  /** Deletes the mask that is taken up, or drops the draft. */
  deleteCurrent(): void {
    const { draft } = this.editor.doc;
    if (draft?.base) this.delete(draft.base.id);
    else this.editor.apply(cancelDraft);
  }

  delete(maskId: string): void {
    this.editor.highlight(null);
    this.editor.apply(remove(maskId));
  }

  /** Done with the image (or not for us): saves what waits, tells the server, opens the next. */
  async finish(skipped: boolean): Promise<void> {
    const { task, phase } = this.state;
    // An image that cannot be opened can still be skipped.
    if (!task || !this.saving || !(phase === "working" || (phase === "failed" && skipped))) return;
    if (isTouched(this.editor.doc.draft)) return this.options.notify(DRAFT_OPEN, "info");
    const proposals = this.editor.doc.masks.filter((mask) => mask.status === "proposed").length;
    const answer = skipped ? "go" : this.haste.check(task.id, proposals);
    if (answer === "ask") this.options.notify(unlooked(plural(proposals, "proposal")), "info");
    if (answer !== "go") return;
    const { turn } = this;
    // An edit from here on would come after the image's end.
    this.editor.locked = true;
    this.set({ phase: "finishing" });
    try {
      if (await this.saving.queue.drained(task.image.id)) {
        await completeTask(task.id, skipped, Math.round(this.clock.totalSeconds * 10) / 10);
        this.behind.push(task.image.id);
        this.set({ hasPrevious: true });
        return turn === this.turn ? await this.open(null) : undefined;
      }
      this.options.notify(UNSAVED, "error");
    } catch (error) {
      if (isSignedOut(error)) this.set({ error });
      else this.options.notify(messageOf(error), "error");
    }
    if (this.state.phase !== "finishing") return;
    this.editor.locked = phase !== "working" || this.state.leaseLost;
    this.set({ phase });
  }

  /** Opens the image done or skipped before; the one at hand stays this person's and comes next. */
  async back(): Promise<void> {
    const { phase } = this.state;
    const imageId = phase === "working" || phase === "nothing_left" ? this.behind.pop() : undefined;
    if (imageId === undefined) return;
    this.set({ hasPrevious: this.behind.length > 0 });
    await this.open(imageId);
  }

  /** Leases the same image again: with the new model, or after the lease was lost. */
  reopen(takeOver = false): Promise<void> {
    return this.open(this.state.task?.image.id ?? null, takeOver);
  }

  /** Goes on with the active model on the open image; masks, draft and undo stay. */
  async switchModel(): Promise<void> {
    const { task } = this.state;
    if (!task) return;
    try {
      const fresh = await leaseTask(this.options.datasetId, task.image.id);
      if (!fresh || this.state.task?.id !== fresh.id) return;
      this.set({ task: { ...task, model: fresh.model }, model: fresh.model, newModel: false });
      void this.decoding.open(fresh.model, fresh.image);
    } catch (error) {
      this.options.notify(messageOf(error), "error");
    }
  }

  async keepMine(stuck: Stuck): Promise<void> {
    await this.saving?.queue.keepMine(stuck);
  }

  async takeTheirs(stuck: Stuck): Promise<void> {
    await this.saving?.takeTheirs(this.editor, this.state.task, stuck);
    // What the server has in place of a refused write is not known yet.
    if (stuck.code !== "stale_revision" && stuck.write.imageId === this.state.task?.image.id) await this.reopen();
  }

  /** Tries again what waits for the network or for a sign-in. */
  retry(): void {
    if (this.state.phase === "failed") void this.open(this.wanted);
    this.set({ error: null });
    this.saving?.queue.flush();
    this.decoding.nudge();
    void this.lease.beat();
  }

  dispose(): void {
    this.turn += 1;
    this.leave();
    this.decoding.dispose();
    void this.starting?.then((saving) => saving.dispose());
    for (const stop of this.stops) stop();
  }

  private leave(): void {
    this.lease.drop();
    this.decoding.close();
    this.tab?.release();
    this.tab = null;
  }

  private edited(before: Doc, after: Doc): void {
    const { task } = this.state;
    if (task) {
      this.saving?.record(this.editor, task, before, after);
      keepDraft(this.options.userId, task.image.id, after.draft, this.editor.view.visible());
    }
    // Answers keep the prompts they answer; anything else is a change of mind.
    if (before.draft?.prompts !== after.draft?.prompts) this.acceptWhenAnswered = false;
    this.decoding.answer();
  }

  private get modelId(): string | null {
    return this.state.model?.id ?? null;
  }

  private loseLease(): void {
    this.lease.drop();
    this.editor.locked = true;
    this.set({ leaseLost: true });
  }

  private loseTab(): void {
    if (!this.tab) return;
    this.leave();
    this.editor.locked = true;
    this.set({ phase: "other_tab" });
  }

  private readonly set = (change: Partial<SessionState>): void => this.store.setState(change);
}
