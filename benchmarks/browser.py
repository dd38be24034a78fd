"""One click in a real Chromium: our graphs beside the released one, default and official size, in turns in one worker.

What is timed is the runtime's answer to a click (`session.run` in a web worker on WASM with two threads); what the page
adds to it (drawing, messages) its own log shows. The released graph does a mask prompt's work at every click; ours
has a second time for clicks with one. The first side's first click includes the start of the runtime. Also told: what a
first visit transfers. Needs `make web` to have been run, for the runtime's files and the page.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import sync_playwright

import engine
from benchmarks import reference
from benchmarks.measure import options, publish
from engine.export import onnx as onnx_export
from engine.model.config import PRESETS
from engine.model.sam import Sam, build_model

RUNTIME = Path("frontend/node_modules/onnxruntime-web/dist")
DIST = Path("frontend/dist")
IMAGE_SIZE = (1200, 1800)  # (h, w) that the released graph upsamples to
THREADS = 2
GIVEN = "released, the given file"

PAGE = """<!doctype html><meta charset="utf-8"><title>benchmark</title><script type="module">
const worker = new Worker("worker.mjs", { type: "module" });
worker.onmessage = ({ data }) => { document.body.dataset.result = JSON.stringify(data); };
worker.onerror = (event) => { document.body.dataset.result = JSON.stringify({ error: event.message }); };
worker.postMessage(await (await fetch("plan.json")).json());
</script><body></body>"""

WORKER = """
import * as ort from "./ort.wasm.min.mjs";
ort.env.wasm.numThreads = THREADS;
ort.env.wasm.wasmPaths = new URL("./", self.location.href).href;
const filled = (dims, value) => {
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) data[i] = value ?? Math.sin(i * 12.9898) * 2;
  return new ort.Tensor("float32", data, dims);
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
self.onmessage = async ({ data: { sides, repeats } }) => {
  try {
    const ready = [];
    for (const side of sides) {
      const load = async (file) => new Uint8Array(await (await fetch(file)).arrayBuffer());
      const open = (bytes) => ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
      const feeds = Object.fromEntries(
        Object.entries(side.inputs).map(([name, [dims, value]]) => [name, filled(dims, value)]));
      if (side.size) feeds.orig_im_size = new ort.Tensor("float32", Float32Array.from(side.size), [2]);
      const files = { prepare: side.prepare && (await load(side.prepare)), decode: await load(side.decode) };
      const embedding = side.prepare && filled(side.embedding);
      const started = performance.now();
      const prepare = files.prepare && (await open(files.prepare));
      const session = await open(files.decode);
      if (prepare) Object.assign(feeds, await prepare.run({ embedding }));
      await session.run(feeds);
      const firstMs = performance.now() - started;
      const masked = side.mask && { ...feeds, has_mask_input: filled([1], 1), mask_input: filled(side.mask) };
      ready.push({ name: side.name, session, feeds, masked, prepare, embedding, firstMs, ms: {} });
    }
    const timed = async (one, kind, work) => {
      const started = performance.now();
      const outputs = await work();
      (one.ms[kind] ??= []).push(performance.now() - started);
      for (const output of Object.values(outputs)) output.dispose();
    };
    for (let turn = -2; turn < repeats; turn++) {
      if (turn === 0) for (const one of ready) one.ms = {};
      for (const one of ready) {
        await timed(one, "click", () => one.session.run(one.feeds));
        if (one.masked) await timed(one, "refine", () => one.session.run(one.masked));
        if (one.prepare) await timed(one, "prepare", () => one.prepare.run({ embedding: one.embedding }));
      }
    }
    self.postMessage(ready.map(({ name, ms, firstMs }) =>
      ({ name, firstMs, ...Object.fromEntries(Object.entries(ms).map(([kind, all]) => [kind, median(all)])) })));
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
"""


def main() -> None:
    parser = options(__doc__, repeats=15, device=False)
    parser.add_argument("--reference-onnx", type=Path, help="a released vit_b/l/h decoder graph to measure as well")
    args = parser.parse_args()
    for needed in (RUNTIME, DIST):
        if not needed.is_dir():
            raise SystemExit(f"{needed} is not there: run `make web` first.")
    default, official = engine.load("default"), build_model(PRESETS["vit_b"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sides = [
            ours(default, folder, "ours, default model"),
            ours(official, folder, "ours, official size"),
        ]
        if args.reference:
            package = reference.load(args.reference)
            sides += [
                released(package, default, folder, "released, default model"),
                released(package, official, folder, "released, official size"),
            ]
        if args.reference_onnx:
            shutil.copy(args.reference_onnx, folder / "given.onnx")
            sides.append(released_side(GIVEN, "given.onnx", official))
        answer = in_chromium(folder, {"sides": sides, "repeats": args.repeats})
        visit = first_visit([folder / sides[0][name] for name in ("prepare", "decode")])
    if isinstance(answer, dict):
        raise SystemExit(f"The browser says: {answer['error']}")
    ms = {row["name"]: row["click"] for row in answer}
    given = ms.get(GIVEN)
    rows = []
    for row in answer:
        base = ms.get(row["name"].replace("ours", "released"))
        if base is None and "official" in row["name"]:
            base = given
        rows.append(
            {
                "side": row["name"],
                "click, milliseconds": row["click"],
                "times as fast": base / row["click"] if base else None,
                "click with a mask": row.get("refine"),
                "prepare, milliseconds": row.get("prepare"),
                "first click, files at hand": row["firstMs"],
            }
        )
    notes = [f"onnxruntime-web, WASM, {THREADS} threads, headless Chromium", f"A first visit: {visit}"]
    publish("browser", rows, args.out, notes=notes)


def first_visit(graphs: list[Path]) -> str:
    """Bytes of everything that the page may fetch before its first click, compressed as the server keeps it.

    All scripts and styles of the build count, also those of other pages; of the fonts the Latin one; images do not.
    """
    parts = {
        "page": [path for path in DIST.rglob("*") if path.suffix in {".html", ".js", ".css"}],
        "runtime": [path for path in DIST.rglob("*") if path.suffix in {".wasm", ".mjs"}],
        "font": list(DIST.rglob("inter-latin-wght*.woff2")),
        "model": graphs,
    }
    sizes = {name: sum(_at_rest(path) for path in paths) / 1e6 for name, paths in parts.items()}
    return f"{sum(sizes.values()):.2f} MB (" + ", ".join(f"{name} {size:.2f}" for name, size in sizes.items()) + ")"


def _at_rest(path: Path) -> int:
    twin = path.with_name(path.name + ".br")
    return (twin if twin.is_file() else path).stat().st_size


def ours(model: Sam, folder: Path, name: str) -> dict[str, Any]:
    """Our two graphs, and how to feed them."""
    slug = name.replace(" ", "-").replace(",", "")
    files = onnx_export.export(model, folder / slug)
    config = model.config
    side = config.low_res_size
    inputs = {
        "point_coords": [[1, 2, 2], 200.0], "point_labels": [[1, 2], 1.0],
        "mask_input": [[1, 1, side, side], 0.0], "has_mask_input": [[1], 0.0],
    }  # fmt: skip
    return {
        "name": name, "inputs": inputs, "mask": [1, 1, side, side],
        "embedding": [1, config.prompt_dim, config.grid, config.grid],
        "prepare": str(files.prepare.relative_to(folder)), "decode": str(files.decode.relative_to(folder)),
    }  # fmt: skip


def released(package: Any, model: Sam, folder: Path, name: str) -> dict[str, Any]:
    """The released graph, exported as its script does it, with our weights."""
    from segment_anything.utils.onnx import SamOnnxModel  # type: ignore[import-not-found]

    graph = SamOnnxModel(reference.with_our_weights(package, model), return_single_mask=True)
    side = released_side(name, f"{name.replace(' ', '-').replace(',', '')}.onnx", model)
    example = {key: torch.full(dims, value if value is not None else 0.5) for key, (dims, value) in _inputs(model)}
    example["orig_im_size"] = torch.tensor(IMAGE_SIZE, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            tuple(example.values()),
            str(folder / side["decode"]),
            input_names=list(example),
            output_names=["masks", "iou_predictions", "low_res_masks"],
            dynamic_axes={"point_coords": {1: "num_points"}, "point_labels": {1: "num_points"}},
            opset_version=17,
            dynamo=False,
        )
    return side


def released_side(name: str, file: str, model: Sam) -> dict[str, Any]:
    """How to feed a released graph for models of this size."""
    return {"name": name, "decode": file, "inputs": dict(_inputs(model)), "size": list(IMAGE_SIZE)}


def _inputs(model: Sam) -> list[tuple[str, list[Any]]]:
    config = model.config
    side = config.low_res_size
    return [
        ("image_embeddings", [[1, config.prompt_dim, config.grid, config.grid], None]),
        ("point_coords", [[1, 2, 2], 200.0]),
        ("point_labels", [[1, 2], 1.0]),
        ("mask_input", [[1, 1, side, side], 0.0]),
        ("has_mask_input", [[1], 0.0]),
    ]


class _Isolated(http.server.SimpleHTTPRequestHandler):
    """Files with the headers that give a page threads."""

    def guess_type(self, path: Any) -> str:
        """As the base class, but for modules, which not every system's table knows."""
        return "text/javascript" if str(path).endswith(".mjs") else super().guess_type(path)

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Not one line a request."""


def in_chromium(folder: Path, plan: dict[str, Any]) -> Any:
    """Run the plan in a page of its own; the worker's answer."""
    for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copy(RUNTIME / name, folder / name)
    (folder / "index.html").write_text(PAGE)
    (folder / "worker.mjs").write_text(WORKER.replace("THREADS", str(THREADS)))
    (folder / "plan.json").write_text(json.dumps(plan))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Isolated, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html")
            page.wait_for_function("document.body.dataset.result !== undefined", timeout=600_000)
            return json.loads(page.evaluate("document.body.dataset.result"))
    finally:
        server.shutdown()


if __name__ == "__main__":
    main()
