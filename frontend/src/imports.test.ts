/**
 * Who may import whom: main -> app -> features -> editor, decoder, ui -> api -> geometry, lib. A feature never imports another one,
 * and what is drawn or computed (editor, decoder, geometry) knows neither React nor the network.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = dirname(fileURLToPath(import.meta.url));

const MAY_IMPORT: Record<string, string[]> = {
  main: ["app"],
  app: ["features", "ui", "api", "lib", "geometry"],
  features: ["editor", "decoder", "ui", "api", "lib", "geometry"],
  editor: ["geometry", "lib"],
  decoder: ["geometry", "lib"],
  ui: ["api", "lib", "geometry"],
  api: ["lib"],
  lib: ["geometry"],
  geometry: [],
};

/** Packages that a layer must do without. */
const FORBIDDEN: Record<string, RegExp> = {
  editor: /^(react|@mantine|@tanstack|openapi-fetch|onnxruntime-web)/,
  decoder: /^(react|@mantine|@tanstack)/,
  geometry: /^[^.]/,
};

interface Import {
  from: string;
  specifier: string;
}

function importsOf(file: string): Import[] {
  const found = readFileSync(file, "utf8").matchAll(/(?:from\s+|import\s*\(\s*|^import\s+)"([^"]+)"/gm);
  return [...found].map((match) => ({ from: file, specifier: match[1] ?? "" }));
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
  .map((name) => join(SRC, name));
const imports = files.flatMap(importsOf);

const parts = (path: string) => relative(SRC, path).split(sep);
const layerOf = (path: string) => (parts(path)[0] ?? "").replace(/\.tsx?$/, "");
const told = ({ from, specifier }: Import) => `${relative(SRC, from)} imports ${specifier}`;
const local = imports
  .filter(({ specifier }) => specifier.startsWith("."))
  .map((one) => ({ ...one, to: resolve(dirname(one.from), one.specifier.replace(/\?.*$/, "")) }));

test("there is something to check", () => {
  expect(files.length).toBeGreaterThan(60);
  expect(local.length).toBeGreaterThan(100);
});

test("layers import downwards only", () => {
  const wrong = local.filter(({ from, to }) => {
    const [above, below] = [layerOf(from), layerOf(to)];
    return above !== below && !MAY_IMPORT[above]?.includes(below) && !to.endsWith(".css");
  });
  expect(wrong.map(told)).toEqual([]);
});

test("features never import each other", () => {
  const wrong = local.filter(
    ({ from, to }) => layerOf(from) === "features" && layerOf(to) === "features" && parts(from)[1] !== parts(to)[1],
  );
  expect(wrong.map(told)).toEqual([]);
});

test("the editor, the decoder and geometry do without React, components and the network", () => {
  const wrong = imports.filter(
    ({ from, specifier }) => !specifier.startsWith(".") && FORBIDDEN[layerOf(from)]?.test(specifier),
  );
  expect(wrong.map(told)).toEqual([]);
});
