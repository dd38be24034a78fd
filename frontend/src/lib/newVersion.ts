/**
 * A new release takes away the files that a page which is still open would load later. When one is missing, the page looks whether
 * there is a new version; if so it says it and reloads, once for a version, and not while something would be lost.
 */

export type Outcome =
  /** The new version is on its way. */
  | "reloading"
  /** There is a new version, but a reload would cost something, or was tried already. */
  | "held"
  /** There is none: the file is missing for another reason. */
  | "same"
  | "unreachable";

/** What is needed of the browser; tests bring their own. */
export interface Tab {
  /** Address of the script this page began with; null where it is not a built one. */
  readonly entry: string | null;
  /** The page as the server has it now. */
  fetchPage(): Promise<string>;
  /** Whether somebody would ask "Leave this page?". */
  isBusy(): boolean;
  readonly memory: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  reload(): void;
}

const TRIED = "maskloom-version";
const NEWS = "maskloom-updated";
/** Long enough to read why the page goes away. */
const READING_MS = 1_200;

/** Chromium, Firefox and Safari each say it in their own words, and the build's preloading of styles in a fourth. */
export function isMissingFile(error: unknown): boolean {
  return error instanceof Error && /dynamically imported module|module script|preload/i.test(error.message);
}

export async function afterMissingFile(tab: Tab = thisTab()): Promise<Outcome> {
  let page: string;
  try {
    page = await tab.fetchPage();
  } catch {
    return "unreachable";
  }
  const entry = entryOf(page);
  if (!tab.entry || !entry || entry === tab.entry) return "same";
  // A cache on the way may hand out the old page for ever; asking it again and again helps nobody.
  if (tab.isBusy() || tab.memory.getItem(TRIED) === entry) return "held";
  tab.memory.setItem(TRIED, entry);
  tab.memory.setItem(NEWS, "1");
  tab.reload();
  return "reloading";
}

/** Whether this page is the new version that the last one reloaded for. Says so once. */
export function isFresh(memory: Tab["memory"] = sessionStorage): boolean {
  const fresh = memory.getItem(NEWS) !== null;
  memory.removeItem(NEWS);
  return fresh;
}

/** Address of the first script with one. */
export function entryOf(page: string): string | null {
  return /<script\b[^>]*\bsrc="([^"]+)"/.exec(page)?.[1] ?? null;
}

function thisTab(): Tab {
  return {
    entry: entryOf(document.head.innerHTML),
    async fetchPage() {
      const response = await fetch("/index.html", { cache: "no-store" });
      if (!response.ok) throw new Error(`${response.status}`);
      return response.text();
    },
    isBusy: () => !window.dispatchEvent(new Event("beforeunload", { cancelable: true })),
    memory: sessionStorage,
    reload: () => void setTimeout(() => window.location.reload(), READING_MS),
  };
}
