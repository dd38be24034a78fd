/**
 * The open object of an image, and what of the image was on screen, kept in this browser, so that a crash or a sign-in in another tab
 * does not cost the clicks.
 */
import { paint } from "../../../editor/actions";
import { type Doc, type Draft, isTouched } from "../../../editor/document";
import type { ImageBox } from "../../../geometry/points";
import type { Prompt } from "../../../geometry/prompts";
import { decodeRle, encodeRle, type Rle } from "../../../geometry/rle";

type Kept = {
  readonly imageId: string;
  readonly id: string;
  readonly baseId: string | null;
  readonly prompts: readonly Prompt[];
  readonly painted: Rle | null;
  readonly strokes?: readonly { readonly rle: Rle; readonly erase: boolean }[];
  readonly edited: boolean;
  /** The same clicks are answered otherwise where the model looks at something else. */
  readonly seen?: ImageBox;
};

/** What is needed of localStorage, which is looked up late because looking it up may throw. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;
const browserShelf = (): Shelf => localStorage;

const keyOf = (userId: string) => `maskloom-draft-${userId}`;

/** One draft per user: the latest. Storage that is full or forbidden only means that nothing is kept. */
export function keepDraft(
  userId: string,
  imageId: string,
  draft: Draft | null,
  seen: ImageBox,
  shelf = browserShelf,
): void {
  try {
    if (!draft || !isTouched(draft)) {
      shelf().removeItem(keyOf(userId));
      return;
    }
    const { id, base, prompts, painted, strokes, edited } = draft;
    const kept: Kept = {
      imageId,
      id,
      baseId: base?.id ?? null,
      prompts,
      painted: painted && encodeRle(painted),
      strokes: strokes.map(({ runs, erase }) => ({ rle: encodeRle(runs), erase })),
      edited,
      seen,
    };
    shelf().setItem(keyOf(userId), JSON.stringify(kept));
  } catch {
    // Nothing to tell: finished masks are kept elsewhere.
  }
}

/** What was on screen when the image's draft was kept; null where nothing is known. */
export function keptView(userId: string, imageId: string, shelf = browserShelf): ImageBox | null {
  try {
    const kept = JSON.parse(shelf().getItem(keyOf(userId)) ?? "null") as Kept | null;
    return kept?.imageId === imageId && kept.seen?.length === 4 ? kept.seen : null;
  } catch {
    return null;
  }
}

/** The document with the draft that was open, if it was this image's and still fits. The decoder is asked again for its answers. */
export function withKeptDraft(userId: string, imageId: string, doc: Doc, shelf = browserShelf): Doc {
  try {
    const kept = JSON.parse(shelf().getItem(keyOf(userId)) ?? "null") as Kept | null;
    if (kept?.imageId !== imageId) return doc;
    const base = doc.masks.find((mask) => mask.id === kept.baseId) ?? null;
    const known = doc.masks.some((mask) => mask.id === kept.id);
    if ((kept.baseId !== null && !base) || (kept.baseId === null && known)) return doc;
    const painted = kept.painted && decodeRle(kept.painted);
    if (painted && (painted.h !== doc.size.h || painted.w !== doc.size.w)) return doc;
    const { id, prompts, edited } = kept;
    const shown = base?.runs ?? null;
    const asked = { id, base, prompts, shown, answers: null, chosen: 0, painted, before: null, strokes: [], edited };
    const strokes = (kept.strokes ?? []).map(({ rle, erase }) => paint(decodeRle(rle), erase, id));
    return strokes.reduce((known: Doc, stroke) => stroke(known), { ...doc, draft: asked });
  } catch {
    return doc;
  }
}
