/**
 * Between editor and decoder: makes the image ready (waiting for its embedding where it must), answers drafts, shows previews. Any
 * draft without an answer is asked for, however it came about, so undo, redo and a decoder that is late need no special care.
 */
import type { Image, Model } from "../../../api/types";
import { DecoderClient } from "../../../decoder/client";
import { asDecoderError } from "../../../decoder/errors";
import type { DecodeResult, ImageRef, ModelRef } from "../../../decoder/protocol";
import { setAnswers } from "../../../editor/actions";
import type { EditorController } from "../../../editor/controller";
import { awaitsAnswer, type Draft } from "../../../editor/document";
import { type ImagePoint, pixelAt } from "../../../geometry/points";
import { imageRefOf, modelRefOf } from "../convert";
import { waitingImages } from "../http";
import type { DecoderState } from "./state";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 6_000;

type Events = {
  onDecoder(state: DecoderState): void;
  onDecoded(result: DecodeResult): void;
  /** The draft has its answers. */
  onAnswered(): void;
  onFailure(message: string): void;
};

type Subject = { readonly model: ModelRef; readonly image: ImageRef };

export class Decoding {
  private readonly client = new DecoderClient();
  private subject: Subject | null = null;
  private ready = false;
  private asked: Draft | null = null;
  private hovered: string | null = null;
  private wake: (() => void) | null = null;

  constructor(
    private readonly editor: EditorController,
    private readonly events: Events,
  ) {}

  /** An image is on its way. Once it is known which, the decoder gets it ready while its pixels still come. */
  expect(model: Model | null = null, image: Image | null = null): void {
    this.client.open();
    if (model && image) this.client.prefetch(modelRefOf(model), imageRefOf(image, model));
  }

  /** Starts on an image; brush and eraser need not wait for it. */
  async open(model: Model | null, image: Image): Promise<void> {
    this.close();
    if (!model) return this.events.onDecoder({ kind: "none" });
    const subject = { model: modelRefOf(model), image: imageRefOf(image, model) };
    this.subject = subject;
    this.events.onDecoder({ kind: "loading" });
    const since = Date.now();
    let pause = FIRST_WAIT_MS;
    while (this.subject === subject) {
      try {
        await this.client.prepare(subject.model, subject.image);
        break;
      } catch (thrown) {
        const error = asDecoderError(thrown);
        if (this.subject !== subject) return;
        if (error.code === "not_ready") this.events.onDecoder({ kind: "waiting", since });
        else if (error.code === "superseded") continue;
        else this.events.onDecoder({ kind: "failed", message: error.message });
        if (error.code === "mismatch" || error.code === "bad_file" || error.code === "runtime") return;
        await this.rest(pause);
        pause = Math.min(pause * 1.5, LONGEST_WAIT_MS);
      }
    }
    if (this.subject !== subject) return;
    this.ready = true;
    this.events.onDecoder({ kind: "ready", threads: this.client.runtime?.threads ?? 1 });
    this.answer();
    void this.prefetchNext(model, image);
  }

  /** The server says that an embedding has been made, or the person has signed in again: no need to wait longer. */
  nudge(): void {
    this.wake?.();
  }

  close(): void {
    this.subject = null;
    this.ready = false;
    this.asked = null;
    this.hovered = null;
    this.wake?.();
  }

  dispose(): void {
    this.close();
    this.client.dispose();
  }

  /** Asks for the draft's answers if it has none. */
  answer(): void {
    const { draft } = this.editor.doc;
    if (!draft || !this.subject || !this.ready || !awaitsAnswer(draft) || this.asked === draft) return;
    this.asked = draft;
    const { model, image } = this.subject;
    this.client
      .decode(model, image, { prompts: draft.prompts, mask: draft.shown, preview: false })
      .then((result) => {
        this.events.onDecoded(result);
        if (this.editor.amend(setAnswers(draft, result.candidates))) this.events.onAnswered();
      })
      .catch((thrown: unknown) => {
        if (this.asked === draft) this.asked = null;
        const error = asDecoderError(thrown);
        if (error.code !== "superseded") this.events.onFailure(error.message);
      });
  }

  /** Shows what a click at this point would give. */
  hover(point: ImagePoint | null): void {
    const pixel = point && pixelAt(point, this.editor.doc.size);
    const key = pixel && `${pixel.x},${pixel.y}`;
    if (key === this.hovered) return;
    this.hovered = key;
    if (!pixel) this.editor.setPreview(null);
    if (!pixel || !this.subject || !this.ready) return;
    const { model, image } = this.subject;
    const prompts = [{ type: "point", x: pixel.x, y: pixel.y, label: 1 } as const];
    this.client
      .decode(model, image, { prompts, mask: null, preview: true })
      .then(({ candidates, ...times }) => {
        this.events.onDecoded({ candidates, ...times });
        const best = candidates[0];
        if (best && this.hovered !== null && !this.editor.doc.draft) this.editor.setPreview(best);
      })
      .catch(() => undefined);
  }

  /** The image that is likely to be next; a wrong guess costs one download. */
  private async prefetchNext(model: Model, image: Image): Promise<void> {
    try {
      const next = (await waitingImages(image.dataset_id, 8)).find((one) => one.id !== image.id && one.embedded);
      if (!next || this.subject?.image.id !== image.id) return;
      this.client.prefetch(modelRefOf(model), imageRefOf(next, model));
      void fetch(next.url, { credentials: "same-origin" });
    } catch {
      // It is fetched when it is needed.
    }
  }

  private rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
