/** Every edit as a pure function doc -> doc. An action that does not apply returns the same doc, so nothing enters the history. */
import { type BoxPrompt, clicksOf, isBox, type Prompt } from "../geometry/prompts";
import { areaOf, combine, emptyRuns, type Runs } from "../geometry/runs";
import {
  type Answer,
  asksTheSame,
  awaitsAnswer,
  chosenAnswer,
  type Doc,
  type DocMask,
  type Draft,
  draftShape,
  type Stroke,
} from "./document";

export type Action = (doc: Doc) => Doc;

function newDraft(id: string, base: DocMask | null): Draft {
  return {
    id,
    base,
    prompts: base?.prompts ?? [],
    shown: null,
    answers: null,
    chosen: 0,
    painted: null,
    before: null,
    strokes: [],
    edited: base?.edited ?? false,
  };
}

/** A click or a box for the draft; `newId` names the draft if there is none yet. */
export function addPrompt(prompt: Exclude<Prompt, { type: "mask" }>, newId: string): Action {
  return (doc) => {
    const draft = doc.draft ?? newDraft(newId, null);
    const answer = draft.painted ? null : chosenAnswer(draft);
    // The last answer's logits say more than its mask; a painted or stored mask is all there is of itself.
    const shown = answer?.logits ?? draft.painted ?? draft.shown ?? draft.base?.runs ?? null;
    const showsNewMask = shown !== null && shown !== draft.shown && !answer;
    const others = isBox(prompt as Prompt) ? draft.prompts.filter((p) => !isBox(p)) : draft.prompts;
    const prompts: Prompt[] = [...others, ...(showsNewMask ? [{ type: "mask" } as const] : []), prompt];
    const next: Draft = {
      ...draft,
      prompts,
      shown,
      answers: null,
      chosen: 0,
      painted: null,
      before: draftShape(draft),
    };
    return { ...doc, draft: next };
  };
}

export const addBox = (box: BoxPrompt["box"], newId: string): Action => addPrompt({ type: "box", box }, newId);

const put = ({ runs, erase }: Stroke, shape: Runs | null, doc: Doc): Runs =>
  combine(shape ?? emptyRuns(doc.size), runs, erase ? "subtract" : "union");

/** The decoder's answers to `asked`, the strokes made meanwhile on the first of them; dropped when the draft has moved on. */
export function setAnswers(asked: Draft, answers: readonly Answer[]): Action {
  return (doc) => {
    const { draft } = doc;
    if (!draft || !asksTheSame(draft, asked)) return doc;
    const { strokes } = draft;
    const first = answers[0]?.runs ?? null;
    const painted = strokes.length > 0 ? strokes.reduce((shape, stroke) => put(stroke, shape, doc), first) : null;
    return { ...doc, draft: { ...draft, answers, chosen: 0, painted, before: null, strokes: [] } };
  };
}

/** No answer will come: what was painted meanwhile stands by itself. */
export const standAlone: Action = (doc) => {
  const { draft } = doc;
  if (!draft || draft.strokes.length === 0) return doc;
  return { ...doc, draft: { ...draft, painted: draft.before, before: null, strokes: [] } };
};

export function choose(index: number): Action {
  return (doc) => {
    const { draft } = doc;
    if (!draft?.answers?.[index] || (draft.chosen === index && !draft.painted)) return doc;
    return { ...doc, draft: { ...draft, chosen: index, painted: null } };
  };
}

export function cycle(step: 1 | -1): Action {
  return (doc) => {
    const count = doc.draft?.answers?.length ?? 0;
    return count < 2 ? doc : choose(((doc.draft?.chosen ?? 0) + step + count) % count)(doc);
  };
}

/** Adds a stroke to the draft (or starts one), or takes it away; to what the decoder will answer where it is being asked. */
export function paint(runs: Runs, erase: boolean, newId: string): Action {
  return (doc) => {
    const shape = doc.draft && draftShape(doc.draft);
    const waits = awaitsAnswer(doc.draft);
    if (areaOf(runs) === 0 || (erase && !shape && !waits)) return doc;
    const draft = doc.draft ?? newDraft(newId, null);
    const stroke = { runs, erase };
    const after = put(stroke, shape, doc);
    if (waits) return { ...doc, draft: { ...draft, before: after, strokes: [...draft.strokes, stroke], edited: true } };
    return { ...doc, draft: { ...draft, painted: after, edited: true } };
  };
}

/** Takes up a finished mask or a proposal. */
export function refine(id: string): Action {
  return (doc) => {
    const base = doc.masks.find((mask) => mask.id === id);
    return base && doc.draft?.id !== id ? { ...doc, draft: newDraft(id, base) } : doc;
  };
}

export type AcceptFigures = { readonly modelId: string | null; readonly seconds: number };

/** The draft becomes a mask. An empty draft, or one whose answer is still out, stays as it is. */
export function accept({ modelId, seconds }: AcceptFigures): Action {
  return (doc) => {
    const { draft } = doc;
    const runs = draft && draftShape(draft);
    if (!draft || !runs || awaitsAnswer(draft) || areaOf(runs) === 0) return doc;
    const mask = finished(draft, runs, modelId, seconds);
    const masks = draft.base ? doc.masks.map((old) => (old.id === mask.id ? mask : old)) : [...doc.masks, mask];
    return { ...doc, masks, draft: null };
  };
}

function finished(draft: Draft, runs: Runs, modelId: string | null, seconds: number): DocMask {
  const { base, prompts } = draft;
  const answer = chosenAnswer(draft);
  const prompted = prompts.length > 0;
  return {
    id: draft.id,
    runs,
    source: base && !answer ? base.source : prompted ? "model" : "brush",
    status: "accepted",
    modelId: answer ? modelId : (base?.modelId ?? null),
    prompts,
    candidate: answer?.token ?? base?.candidate ?? null,
    numClicks: clicksOf(prompts),
    seconds: (base?.seconds ?? 0) + seconds,
    // The predictions were about the mask before a brush changed it.
    predictedIou: draft.painted ? null : (answer?.predictedIou ?? base?.predictedIou ?? null),
    stability: draft.painted ? null : (answer?.stability ?? base?.stability ?? null),
    edited: draft.edited,
    rejectReason: null,
  };
}

export const cancelDraft: Action = (doc) => (doc.draft ? { ...doc, draft: null } : doc);

export function remove(id: string): Action {
  return (doc) => {
    if (!doc.masks.some((mask) => mask.id === id)) return doc;
    return { ...doc, masks: doc.masks.filter((m) => m.id !== id), draft: doc.draft?.id === id ? null : doc.draft };
  };
}

/** Saving a mask accepts it. One that undo has brought back must not go on looking locked, rejected or approved. */
export function settle(saved: readonly DocMask[]): Action {
  const accepted = new Map(saved.map((mask) => [mask, { ...mask, status: "accepted" as const, rejectReason: null }]));
  return (doc) => ({ ...doc, masks: doc.masks.map((mask) => accepted.get(mask) ?? mask) });
}

/** Puts a mask as the server has it into the document; null takes it out. */
export function replaceMask(id: string, mask: DocMask | null): Action {
  return (doc) => {
    const without = doc.masks.filter((m) => m.id !== id);
    const at = doc.masks.findIndex((m) => m.id === id);
    const masks = mask ? (at < 0 ? [...without, mask] : doc.masks.map((m) => (m.id === id ? mask : m))) : without;
    return { ...doc, masks, draft: doc.draft?.id === id ? null : doc.draft };
  };
}
