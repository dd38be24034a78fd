import { expect, test, vi } from "vitest";
import { afterMissingFile, entryOf, isFresh, isMissingFile, type Tab } from "./newVersion";

const page = (entry: string) =>
  `<!doctype html><head><script type="module" crossorigin src="${entry}"></script></head>`;

function memory(): Tab["memory"] {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

function tab(served: string, changes: Partial<Tab> = {}) {
  const reload = vi.fn();
  const made: Tab = {
    entry: "/assets/index-old.js",
    fetchPage: async () => page(served),
    isBusy: () => false,
    memory: memory(),
    reload,
    ...changes,
  };
  return { tab: made, reload };
}

test("a new version is loaded, and the page that comes says so once", async () => {
  const { tab: old, reload } = tab("/assets/index-new.js");
  expect(await afterMissingFile(old)).toBe("reloading");
  expect(reload).toHaveBeenCalledOnce();
  expect(isFresh(old.memory)).toBe(true);
  expect(isFresh(old.memory)).toBe(false);
});

test("a page that stays old is not reloaded for ever, but for the next version it is", async () => {
  const { tab: old, reload } = tab("/assets/index-new.js");
  await afterMissingFile(old);
  expect(await afterMissingFile(old)).toBe("held");
  expect(reload).toHaveBeenCalledOnce();
  expect(await afterMissingFile({ ...old, fetchPage: async () => page("/assets/index-newer.js") })).toBe("reloading");
});

test("nothing is reloaded while something would be lost, without a new version, or without a server", async () => {
  const cases: [string, Partial<Tab>][] = [
    ["held", { isBusy: () => true }],
    ["same", { entry: "/assets/index-new.js" }],
    ["same", { entry: null }],
    ["unreachable", { fetchPage: () => Promise.reject(new TypeError("Failed to fetch")) }],
  ];
  for (const [outcome, changes] of cases) {
    const { tab: one, reload } = tab("/assets/index-new.js", changes);
    expect(await afterMissingFile(one)).toBe(outcome);
    expect(reload).not.toHaveBeenCalled();
    expect(isFresh(one.memory)).toBe(false);
  }
});

test("what browsers and the build say of a missing file is known, and nothing else", () => {
  const said = [
    new TypeError("Failed to fetch dynamically imported module: http://x/assets/a.js"),
    new TypeError("error loading dynamically imported module: http://x/assets/a.js"),
    new TypeError("Importing a module script failed."),
    new Error("Unable to preload CSS for /assets/a.css"),
  ];
  expect(said.map(isMissingFile)).toEqual([true, true, true, true]);
  expect(isMissingFile(new TypeError("x is undefined"))).toBe(false);
  expect(isMissingFile("preload")).toBe(false);
});

test("a page without a script has no version", () => {
  expect(entryOf("<p>The web page is not built yet</p>")).toBeNull();
});
