/**
 * Writes src/api/schema.d.ts from the backend's OpenAPI document.
 *
 *   npm run api             ask the backend's code (no server needed)
 *   npm run api -- --check  write nothing; exit 1 when the file is not what it would write
 *   npm run api -- --from openapi.json
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = fileURLToPath(new URL("../src/api/schema.d.ts", import.meta.url));
const python = process.env.MASKLOOM_PYTHON ?? `${root}.venv/bin/python`;
const program = "import json; from backend.app import create_app; print(json.dumps(create_app().openapi()))";

function readDocument() {
  const from = process.argv.indexOf("--from");
  if (from > 0) return readFileSync(process.argv[from + 1], "utf8");
  try {
    return execFileSync(python, ["-c", program], { cwd: root, encoding: "utf8", maxBuffer: 64 * 2 ** 20 });
  } catch (error) {
    console.error(`Could not read the API from ${python}: run \`make setup\` first, or set MASKLOOM_PYTHON.`);
    throw error;
  }
}

/** Answers always hold every field; only what is sent may leave out a field that has a default. */
function requireAnswerFields(document) {
  const schemas = document.components?.schemas ?? {};
  const seen = new Set();
  const visit = (node) => {
    if (typeof node !== "object" || node === null) return;
    const name = typeof node.$ref === "string" ? node.$ref.split("/").at(-1) : undefined;
    if (name && schemas[name] && !seen.has(name)) {
      seen.add(name);
      if (schemas[name].properties && name !== "Problem")
        schemas[name].required = Object.keys(schemas[name].properties);
      visit(schemas[name]);
    }
    Object.values(node).forEach(visit);
  };
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path)) visit(operation.responses);
  }
  return document;
}

const HEADER = "/** Generated from the backend's OpenAPI document by `npm run api`. Do not edit. */\n\n";
const text =
  HEADER +
  astToString(
    await openapiTS(requireAnswerFields(JSON.parse(readDocument())), {
      emptyObjectsUnknown: true,
      defaultNonNullable: false,
    }),
  );

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== text) {
    console.error("src/api/schema.d.ts does not match the backend. Run `npm run api` and commit the result.");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
