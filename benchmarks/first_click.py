"""The first click as the page does it: its own decoder worker, as built, in a real Chromium.

Timed is from the worker's start to the answer of a click on an image: the runtime's start, opening both graphs, the
image's graph and the click. Then clicks and hovers in turns, each at a new place, from question to answer. All files
are on this machine, sent with the server's caching. `first visit` begins with an empty profile; `again` with one that
has been there, in which Chromium keeps the runtime as it compiled it. Needs `make web` to have been run.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import statistics
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Playwright, sync_playwright

import engine
from benchmarks.browser import DIST
from benchmarks.measure import options, publish
from engine.export import onnx as onnx_export
from engine.model.fingerprint import encoder_sha256
from engine.predict import embedding as embedding_file
from engine.predict.embedding import EmbeddingMeta

SIZE = (384, 512)  # (h, w) of the image
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
# Compiled code is kept once enough of it has become hot, some seconds after the first click.
SETTLE_MS = 8_000
STEADY = 15  # clicks and hovers each

ASK = """async ([script, model, image]) => {
  const started = performance.now();
  const worker = new Worker(script, { type: "module" });
  let id = 0;
  const ask = (message) => new Promise((resolve, reject) => {
    const mine = ++id;
    worker.addEventListener("message", function listen({ data }) {
      if (data.id !== mine) return;
      worker.removeEventListener("message", listen);
      if (data.kind === "failed") reject(new Error(data.message)); else resolve(data);
    });
    worker.onerror = (event) => reject(new Error(event.message || "the worker could not be started"));
    worker.postMessage({ ...message, model, image, id: mine });
  });
  const body = (n, preview) => ({
    prompts: [{ type: "point", x: 20 + (n * 37) % 480, y: 20 + (n * 53) % 350, label: 1 }], mask: null, preview });
  const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
  await ask({ kind: "prepare" });
  const prepared = performance.now();
  await ask({ kind: "decode", body: body(0, false) });
  const answered = performance.now();
  const steady = { click: [], hover: [] };
  for (let n = 0; n < STEADY; n++)
    for (const kind of ["click", "hover"]) {
      const asked = performance.now();
      await ask({ kind: "decode", body: body(n, kind === "hover") });
      steady[kind].push(performance.now() - asked);
    }
  return [prepared - started, answered - started, median(steady.click), median(steady.hover)];
}""".replace("STEADY", str(STEADY))


class _Served(http.server.SimpleHTTPRequestHandler):
    """Files with the headers that give a page threads and let a browser keep what it got."""

    protocol_version = "HTTP/1.1"

    def guess_type(self, path: Any) -> str:
        """As the base class, but for what not every system's table knows."""
        known = {".mjs": "text/javascript", ".wasm": "application/wasm"}
        return known.get(Path(str(path)).suffix) or super().guess_type(path)

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "public, max-age=31536000, immutable")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Not one line a request."""


def main() -> None:
    args = options(__doc__, repeats=5, device=False, reference=False).parse_args()
    if not DIST.is_dir():
        raise SystemExit(f"{DIST} is not there: run `make web` first.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        question = prepare(folder / "site")
        handler = functools.partial(_Served, directory=str(folder / "site"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/index.html"
        times: dict[str, list[list[float]]] = {"first visit": [], "again": []}
        try:
            with sync_playwright() as playwright:
                visit(playwright, folder / "known", url, question, leave_ms=SETTLE_MS)
                for turn in range(args.repeats):
                    times["first visit"].append(visit(playwright, folder / f"new-{turn}", url, question))
                    times["again"].append(visit(playwright, folder / "known", url, question))
        finally:
            server.shutdown()
    rows = [
        {
            "visit": kind,
            "image ready, milliseconds": statistics.median(ready for ready, *_ in all_),
            "first click, milliseconds": statistics.median(first for _, first, *_ in all_),
            "fastest": min(first for _, first, *_ in all_),
            "a later click": statistics.median(click for *_, click, _ in all_),
            "a hover": statistics.median(hover for *_, hover in all_),
        }
        for kind, all_ in times.items()
    ]
    publish("first_click", rows, args.out, notes=["the page's worker with the default model, from the worker's start"])


def prepare(site: Path) -> list[Any]:
    """Lays out the page's assets and one image's files; what to ask the worker."""
    model = engine.load("default")
    config, encoder = model.config, encoder_sha256(model)
    shutil.copytree(DIST / "assets", site / "assets")
    (site / "index.html").write_text("<!doctype html><meta charset=utf-8><title>benchmark</title>")
    onnx_export.export(model, site)
    shape = (config.prompt_dim, config.grid, config.grid)
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    meta = EmbeddingMeta(
        encoder_sha256=encoder, image_sha256="0" * 64, image_size=config.image_size, original_size=SIZE
    )
    (site / "embedding").write_bytes(embedding_file.encode(values, meta))
    (script,) = (site / "assets").glob("worker-*.js")
    refs = (
        {
            "id": "default", "name": "default", "encoderSha256": encoder, "prepareUrl": "/prepare.onnx",
            "decodeUrl": "/decode.onnx", "imageSize": config.image_size, "embedDim": config.prompt_dim,
            "grid": config.grid,
        },
        {
            "id": "image", "name": "image", "size": {"h": SIZE[0], "w": SIZE[1]}, "detail": "0-0-0",
            "embeddingUrl": "/embedding",
        },
    )  # fmt: skip
    return [f"/assets/{script.name}", *refs]


def visit(playwright: Playwright, profile: Path, url: str, question: list[Any], leave_ms: int = 0) -> list[float]:
    """One browser, started and closed: milliseconds until the image was ready, until the first click was answered, and
    of later clicks and hovers.
    """
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=shutil.which("chromium"), args=list(FLAGS)
    )
    try:
        page = context.new_page()
        page.goto(url)
        times: list[float] = page.evaluate(ASK, question)
        page.wait_for_timeout(leave_ms)
        return times
    finally:
        context.close()


if __name__ == "__main__":
    main()
