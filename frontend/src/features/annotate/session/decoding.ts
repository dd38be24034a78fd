/**
 * Between editor and decoder: makes the image ready (waiting for its embedding where it must), answers drafts, shows previews, each in
 * the detail that the person looks at. Any draft without an answer is asked for, however it came about, so undo, redo and a decoder
 * that is late need no special care.
 */
import type { Image, Model } from "../../../api/types";
import { DecoderClient } from "../../../decoder/client";
import { asDecoderError } from "../../../decoder/errors";
import type { Candidate, DecodeBody, DecodeResult, ImageRef, ModelRef } from "../../../decoder/protocol";
import { setAnswers, standAlone } from "../../../editor/actions";
import type { EditorController } from "../../../editor/controller";
import { asksTheSame, awaitsAnswer, type Draft } from "../../../editor/document";
import { type Detail, wholeOf } from "../../../geometry/details";
import { type ImageBox, type ImagePoint, pixelAt } from "../../../geometry/points";
import { cutOut, extentOf, placeIn, type Runs } from "../../../geometry/runs";
import { detailRefOf, imageRefOf, modelRefOf } from "../convert";
import { waitingImages } from "../http";
import { boxesOf, Details, type Look, promptsIn } from "./details";
import type { DecoderState } from "./state";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 6_000;
/** A click waits so long for the detail it was made in; the whole image answers after that. */
const DETAIL_WAIT_MS = 1_500;

type Events = {
  onDecoder(state: DecoderState): void;
  onLook(look: Look | null): void;
  onDecoded(result: DecodeResult): void;
  /** The draft has its answers. */
  onAnswered(): void;
  onFailure(message: string): void;
};

type Subject = { readonly model: ModelRef; readonly image: ImageRef; readonly details: Details };
/** Which model's low_res logits they are, of which detail, and the mask that they make. */
type Origin = { readonly key: string; readonly runs: Runs };

export class Decoding {
  private readonly client = new DecoderClient();
  private subject: Subject | null = null;
  private ready = false;
  private asked: Draft | null = null;
  private hovered: string | null = null;
  private readonly origins = new WeakMap<Float32Array, Origin>();
  /** Off: every prompt is about the whole image, however closely somebody looks. */
  detailed = true;
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
    const [modelRef, imageRef] = [modelRefOf(model), imageRefOf(image, model)];
    const details = new Details(imageRef.size, {
      prepare: (detail) => this.client.prepareDetail(modelRef, detailRefOf(imageRef, detail)),
      onLook: (look) => this.looked(look),
    });
    const subject = { model: modelRef, image: imageRef, details };
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
    this.moved();
    this.answer();
    void this.prefetchNext(model, image);
  }

  /** The server says that an embedding has been made, or the person has signed in again: no need to wait longer. */
  nudge(): void {
    this.wake?.();
  }

  /** The camera shows something else. */
  moved(): void {
    if (this.ready && this.detailed) this.subject?.details.look(this.editor.view.visible());
  }

  setDetailed(on: boolean): void {
    this.detailed = on;
    this.hovered = null;
    if (this.subject) this.looked(this.subject.details.now);
    this.moved();
  }

  close(): void {
    this.subject?.details.close();
    this.events.onLook(null);
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
    if (!draft || !this.subject || !this.ready || !awaitsAnswer(draft) || asksTheSame(this.asked, draft)) return;
    this.asked = draft;
    const subject = this.subject;
    const shown = draft.shown instanceof Float32Array ? this.origins.get(draft.shown)?.runs : draft.shown;
    const extent = shown && extentOf(shown);
    const mask: ImageBox[] = extent ? [[extent[0], extent[1], extent[2] + 1, extent[3] + 1]] : [];
    const wish = this.wish(subject, ...boxesOf(draft.prompts), ...mask);
    this.answerIn(subject, wish, draft)
      .catch((thrown: unknown) => {
        const error = asDecoderError(thrown);
        if (error.code === "superseded") return;
        if (asksTheSame(this.editor.doc.draft, draft)) this.editor.amend(standAlone);
        this.events.onFailure(error.message);
      })
      // Taken back and redone, or overtaken, it is to be asked for again.
      .finally(() => {
        if (this.asked === draft) this.asked = null;
      });
  }

  private async answerIn(subject: Subject, wish: Detail, draft: Draft): Promise<void> {
    const detail = await subject.details.within(wish, DETAIL_WAIT_MS);
    // Taken back, or the image left, while the detail was being made.
    if (!asksTheSame(this.editor.doc.draft, draft) || this.subject !== subject) return;
    const body = { prompts: draft.prompts, mask: draft.shown, preview: false };
    const result = await this.decode(subject, detail, body).catch((thrown: unknown) => {
      const error = asDecoderError(thrown);
      if (detail.level === 0 || error.code === "superseded") throw error;
      // A detail whose embedding is gone is no reason to fail: the whole image is there.
      subject.details.failed(detail, error);
      return this.decode(subject, wholeOf(subject.image.size), body);
    });
    this.events.onDecoded(result);
    if (this.editor.amend(setAnswers(draft, result.candidates))) this.events.onAnswered();
  }

  private wish({ details, image }: Subject, ...boxes: ImageBox[]): Detail {
    return this.detailed ? details.wish(this.editor.view.visible(), ...boxes) : wholeOf(image.size);
  }

  /** Decodes in a detail what is told, and answers, in pixels of the image. */
  private async decode({ model, image }: Subject, detail: Detail, body: DecodeBody): Promise<DecodeResult> {
    const result = await this.client.decode(model, detailRefOf(image, detail), {
      ...body,
      prompts: promptsIn(detail, body.prompts),
      mask: this.maskIn(`${model.id} ${detail.key}`, detail, body.mask),
    });
    const candidates = result.candidates.map((candidate): Candidate => {
      // Coarse pixels of a preview do not fall on the image's; its place is told apart.
      if (body.preview) return candidate;
      const runs = placeIn(candidate.runs, image.size, detail.box);
      this.origins.set(candidate.logits, { key: `${model.id} ${detail.key}`, runs });
      return { ...candidate, runs };
    });
    return { ...result, candidates };
  }

  /** The decoder's own logits where it looks at the same detail again, else the mask that they make. */
  private maskIn(key: string, detail: Detail, mask: DecodeBody["mask"]): DecodeBody["mask"] {
    if (!(mask instanceof Float32Array)) return mask && cutOut(mask, detail.box);
    const origin = this.origins.get(mask);
    return origin && origin.key !== key ? cutOut(origin.runs, detail.box) : mask;
  }

  private looked(look: Look): void {
    this.events.onLook(this.detailed && look.detail.level > 0 ? look : null);
    // The pixel under the pointer is asked about again, in what is ready now.
    this.hovered = null;
  }

  /** Shows what a click at this point would give. */
  hover(point: ImagePoint | null): void {
    const pixel = point && pixelAt(point, this.editor.doc.size);
    const key = pixel && `${pixel.x},${pixel.y}`;
    if (key !== null && key === this.hovered) return;
    this.hovered = key;
    if (!pixel) this.editor.setPreview(null);
    if (!pixel || !this.subject || !this.ready) return;
    const prompts = [{ type: "point", x: pixel.x, y: pixel.y, label: 1 } as const];
    const wish = this.wish(this.subject, ...boxesOf(prompts));
    const detail = this.subject.details.isReady(wish) ? wish : wholeOf(this.subject.image.size);
    this.decode(this.subject, detail, { prompts, mask: null, preview: true })
      .then((result) => {
        this.events.onDecoded(result);
        const best = result.candidates[0];
        const [x, y] = detail.box;
        if (best && this.hovered !== null && !this.editor.doc.draft) this.editor.setPreview({ ...best, x, y });
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
