/**
 * Writes a `.br` and a `.gz` beside every built file that shrinks, once, at build; the backend sends whichever the browser takes. The
 * decoder's runtime is 14 MB as it is and less than 3 MB so. Brotli is offered only over https and on localhost, hence both.
 */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const SHRINKS = /\.(css|html|js|json|mjs|svg|txt|wasm|webmanifest)$/;
const SMALLEST_BYTES = 1024;
/** Quality 11 takes minutes for the runtime and saves little more. */
const BROTLI_QUALITY = 9;
const GZIP_LEVEL = 9;

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

async function writeTwins(file: string): Promise<void> {
  const bytes = await readFile(file);
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await writeFile(`${file}.br`, await brotli(bytes, { params }));
  await writeFile(`${file}.gz`, await zip(bytes, { level: GZIP_LEVEL }));
}

export function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed-twins",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    async closeBundle() {
      for (const name of await readdir(folder, { recursive: true })) {
        const file = join(folder, name);
        if (SHRINKS.test(name) && (await stat(file)).size >= SMALLEST_BYTES) await writeTwins(file);
      }
    },
  };
}
