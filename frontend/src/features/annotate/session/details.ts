/**
 * Which part of the open image the decoder is asked about: the smallest detail that holds all that is on screen, so that a zoomed-in
 * person's model looks as closely as they do. A detail's embedding is made when somebody first looks there; until it is ready, and
 * wherever it cannot be made, the whole image stands in.
 */
import { asDecoderError, type DecoderError } from "../../../decoder/errors";
import { type Detail, smallestDetail, wholeOf } from "../../../geometry/details";
import { type ImageBox, imagePoint, type Size } from "../../../geometry/points";
import { isBox, isPoint, type Prompt } from "../../../geometry/prompts";

/** A camera that moves on is not followed everywhere it has been. */
const SETTLE_MS = 150;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 3_000;
/** How long is waited for a detail in one go; who looks or clicks there after that asks anew. */
const PATIENCE_MS = 60_000;
/** What asking again does not mend. */
const LASTING = new Set(["mismatch", "bad_file", "runtime"]);

export type Look = { readonly detail: Detail; readonly ready: boolean };

type Events = {
  /** Makes a detail ready for clicks. Throws DecoderError. */
  prepare(detail: Detail): Promise<void>;
  /** What is looked at, or whether it is ready, has changed. */
  onLook(look: Look): void;
};

export class Details {
  private readonly ready = new Set<string>();
  private readonly asked = new Map<string, Promise<void>>();
  private readonly impossible = new Set<string>();
  /** Details that a click waits for, though the camera may have moved on. */
  private readonly clicked = new Set<string>();
  private looking: Detail;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly image: Size,
    private readonly events: Events,
  ) {
    this.looking = wholeOf(image);
  }

  /** The camera has moved: `visible` is what it shows now. */
  look(visible: ImageBox): void {
    clearTimeout(this.timer);
    const detail = this.wish(visible);
    if (detail.key !== this.looking.key) {
      this.looking = detail;
      this.tell();
    }
    this.timer = setTimeout(() => void this.fetch(detail), SETTLE_MS);
  }

  /** The detail that holds all of these. */
  wish(...boxes: readonly ImageBox[]): Detail {
    const detail = smallestDetail(this.image, unionOf(boxes));
    return this.impossible.has(detail.key) ? wholeOf(this.image) : detail;
  }

  isReady(detail: Detail): boolean {
    return detail.level === 0 || this.ready.has(detail.key);
  }

  /** The detail if it is ready within so many milliseconds, else the whole image. */
  async within(detail: Detail, ms: number): Promise<Detail> {
    if (!this.isReady(detail)) {
      const pause = new Promise<void>((resolve) => setTimeout(resolve, ms));
      this.clicked.add(detail.key);
      await Promise.race([this.fetch(detail), pause]);
      this.clicked.delete(detail.key);
    }
    return this.isReady(detail) ? detail : wholeOf(this.image);
  }

  /** What is looked at now. */
  get now(): Look {
    return { detail: this.looking, ready: this.isReady(this.looking) };
  }

  /** It could not be made, or not be decoded in. What may pass is tried again when somebody looks or clicks there. */
  failed(detail: Detail, { code }: DecoderError): void {
    this.ready.delete(detail.key);
    const looking = detail.key === this.looking.key;
    if (LASTING.has(code)) {
      this.impossible.add(detail.key);
      if (looking) this.looking = wholeOf(this.image);
    }
    if (looking) this.tell();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private fetch(detail: Detail): Promise<void> {
    if (this.isReady(detail) || this.closed) return Promise.resolve();
    const known = this.asked.get(detail.key) ?? this.make(detail);
    this.asked.set(detail.key, known);
    return known;
  }

  private async make(detail: Detail): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    for (let pause = FIRST_WAIT_MS; !this.closed; pause = Math.min(pause * 1.5, LONGEST_WAIT_MS)) {
      try {
        await this.events.prepare(detail);
        this.ready.add(detail.key);
        break;
      } catch (error) {
        const failure = asDecoderError(error);
        if (failure.code === "superseded") continue;
        if (failure.code !== "not_ready" || Date.now() > end) {
          this.failed(detail, failure);
          break;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (detail.key !== this.looking.key && !this.clicked.has(detail.key)) break;
    }
    this.asked.delete(detail.key);
    if (detail.key === this.looking.key) this.tell();
  }

  private tell(): void {
    if (!this.closed) this.events.onLook(this.now);
  }
}

/** The smallest box around all of them. */
function unionOf(boxes: readonly ImageBox[]): ImageBox {
  const of = (at: 0 | 1 | 2 | 3) => boxes.map((box) => box[at]);
  return [Math.min(...of(0)), Math.min(...of(1)), Math.max(...of(2)), Math.max(...of(3))];
}

/** What prompts cover; they name pixels, a box those of its corners. Exclusive on the right and below. */
export function boxesOf(prompts: readonly Prompt[]): ImageBox[] {
  return prompts.flatMap((prompt): ImageBox[] => {
    if (isPoint(prompt)) return [[prompt.x, prompt.y, prompt.x + 1, prompt.y + 1]];
    if (!isBox(prompt)) return [];
    const [x0, y0, x1, y1] = prompt.box;
    return [[x0, y0, x1 + 1, y1 + 1]];
  });
}

/** Prompts as they are measured from the detail's top left corner. */
export function promptsIn({ box: [x0, y0] }: Detail, prompts: readonly Prompt[]): Prompt[] {
  return prompts.map((prompt) => {
    if (isPoint(prompt)) return { ...prompt, ...imagePoint(prompt.x - x0, prompt.y - y0) };
    if (!isBox(prompt)) return prompt;
    const [left, top, right, bottom] = prompt.box;
    return { ...prompt, box: [left - x0, top - y0, right - x0, bottom - y0] };
  });
}
