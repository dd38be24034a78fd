"""The page's decoder worker, as built, in a real Chromium: it answers as torch and ONNX do, and its memory stays."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from playwright.sync_api import Page

import engine
from engine.export import onnx as onnx_export
from engine.geometry import Frame, upsample_low_res
from engine.masks.components import without_specks
from engine.model.fingerprint import encoder_sha256
from engine.model.sam import Sam
from engine.predict import embedding as embedding_file
from engine.predict.embedding import EmbeddingMeta

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "frontend" / "dist" / "assets"
PROMPTS = ROOT / "tests" / "golden" / "prompts.json"
MANY_IMAGES = 500
Json = dict[str, Any]

# Asks the worker one thing at a time, with what its protocol needs; arrays come back as lists.
PAGE = """<!doctype html><meta charset="utf-8"><title>decoder</title><script type="module">
const worker = new Worker("/assets/WORKER", { type: "module" });
let id = 0;
globalThis.ask = (message) => new Promise((resolve, reject) => {
  const mine = ++id;
  worker.addEventListener("message", function listen({ data }) {
    if (data.id !== mine) return;
    worker.removeEventListener("message", listen);
    if (data.kind === "failed") reject(new Error(data.code + ": " + data.message)); else resolve(data);
  });
  worker.postMessage({ ...message, id: mine });
});
globalThis.decode = async (model, image, { mask, ...body }) => {
  const logits = mask && Float32Array.from(mask);
  const { result } = await ask({ kind: "decode", model, image, body: { ...body, mask: logits } });
  return result.candidates.map(({ token, predictedIou, runs, logits }) =>
    ({ token, predictedIou, counts: [...runs.counts], logits: [...logits] }));
};
</script><body></body>"""


class _Isolated(http.server.SimpleHTTPRequestHandler):
    """Files of one folder, and the built page's assets, with the headers that give a page threads."""

    def guess_type(self, path: Any) -> str:
        """As the base class, but for modules, which not every system's table knows."""
        return "text/javascript" if str(path).endswith(".mjs") else super().guess_type(path)

    def translate_path(self, path: str) -> str:
        name = path.split("?")[0]
        return str(ASSETS / Path(name).name) if name.startswith("/assets/") else super().translate_path(path)

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Not one line a request."""


@pytest.fixture(scope="module")
def model() -> Sam:
    return engine.load("default").eval().requires_grad_(False)


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint8]:
    coffee: NDArray[np.uint8] = skimage.data.coffee()  # type: ignore[no-untyped-call]
    return coffee


@pytest.fixture(scope="module")
def folder(model: Sam, image: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two graphs and the image's embedding file, as the server keeps them."""
    made = tmp_path_factory.mktemp("decoder")
    onnx_export.export(model, made)
    with torch.inference_mode():
        embedding = model.embed(model.preprocess([image]))[0].numpy()
    meta = EmbeddingMeta(
        encoder_sha256=encoder_sha256(model), image_sha256="0" * 64, image_size=model.config.image_size,
        original_size=image.shape[:2],
    )  # fmt: skip
    (made / "embedding.safetensors").write_bytes(embedding_file.encode(embedding, meta))
    workers = list(ASSETS.glob("worker-*.js"))
    if len(workers) != 1:
        pytest.fail(f"{ASSETS} holds {len(workers)} decoder workers, not one: run `make web`.")
    (made / "index.html").write_text(PAGE.replace("WORKER", workers[0].name))
    return made


@pytest.fixture
def worker(folder: Path, page: Page) -> Iterator[Page]:
    """A page with `ask` and `decode`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Isolated, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html")
    page.wait_for_function("globalThis.decode !== undefined")
    yield page
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def names(model: Sam, image: NDArray[np.uint8]) -> tuple[Json, Json]:
    """The model and the image as the page's messages name them."""
    config = model.config
    return (
        {
            "id": "default", "name": "default", "encoderSha256": encoder_sha256(model), "prepareUrl": "/prepare.onnx",
            "decodeUrl": "/decode.onnx", "imageSize": config.image_size, "embedDim": config.prompt_dim,
            "grid": config.grid,
        },
        {
            "id": "coffee", "name": "coffee", "size": {"h": image.shape[0], "w": image.shape[1]},
            "detail": "0-0-0", "embeddingUrl": "/embedding.safetensors",
        },
    )  # fmt: skip


def test_three_readers_of_the_same_prompts_agree(
    folder: Path, worker: Page, model: Sam, image: NDArray[np.uint8], names: tuple[Json, Json]
) -> None:
    """torch, ONNX and the page read one file of prompts: logits within 1e-3 of each other, masks with IoU >= 0.999, all
    without their specks, as the page shows them.
    """
    frame = Frame(image.shape[:2], model.config.image_size)
    embedding = embedding_file.decode((folder / "embedding.safetensors").read_bytes())[0][None]
    prepare, decode = (
        onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"])
        for name in ("prepare.onnx", "decode.onnx")
    )
    features = {
        output.name: value
        for output, value in zip(prepare.get_outputs(), prepare.run(None, {"embedding": embedding}), strict=True)
    }
    side = model.config.low_res_size
    earlier = np.zeros((side, side), np.float32)
    compared = 0
    for prompt in json.loads(PROMPTS.read_text()):
        if np.ndim(prompt.get("box", [])) > 1:
            continue
        use_mask = prompt.get("use_mask", False)
        coords, labels = _decoder_inputs(prompt, frame)
        feeds = {
            "point_coords": coords, "point_labels": labels, "mask_input": earlier[None, None],
            "has_mask_input": np.array([use_mask], np.float32),
        }  # fmt: skip
        exported = decode.run(None, {**features, **feeds})
        with torch.inference_mode():
            given = {key: torch.from_numpy(np.array(value)) for key, value in feeds.items()}
            masks = given["mask_input"] if use_mask else None
            ours = model.decode(
                torch.from_numpy(embedding), given["point_coords"], given["point_labels"], masks=masks, pad=False
            )
        shown = worker.evaluate(
            "([model, image, body]) => decode(model, image, body)",
            [*names, {"prompts": _page_prompts(prompt), "mask": earlier.ravel().tolist() if use_mask else None,
                      "preview": False}],
        )  # fmt: skip
        assert shown
        for candidate in shown:
            token = candidate["token"]
            truth = ours[0][0, token].numpy()
            page_logits = np.array(candidate["logits"], np.float32).reshape(side, side)
            clicks = [tuple(point) for point in prompt.get("points", [])], prompt.get("labels", [])
            mask = without_specks(upsample_low_res(truth, frame) > 0, *clicks)
            # Absolute where logits are small, relative to the largest where they are not.
            bound = 1e-3 * max(1.0, float(np.abs(truth).max()))
            for name, logits in ("onnx", exported[0][0, token]), ("page", page_logits):
                assert np.abs(logits - truth).max() <= bound, (prompt["name"], token, name)
            assert abs(exported[1][0, token] - ours[1][0, token]) <= 1e-3
            assert abs(candidate["predictedIou"] - ours[1][0, token]) <= 1e-3
            for name, other in (
                ("onnx", without_specks(upsample_low_res(exported[0][0, token], frame) > 0, *clicks)),
                ("page", _mask_of(candidate["counts"], image.shape[:2])),
            ):
                assert _iou(mask, other) >= 0.999, (prompt["name"], token, name)
            compared += 1
        earlier = page_logits
    assert compared > 12


def test_memory_stays_flat_over_many_images(worker: Page, names: tuple[Json, Json]) -> None:
    """Of one worker, which the page would have replaced five times by then."""
    heaps = worker.evaluate(
        """async ([model, image, count]) => {
          const heaps = [];
          const prompts = [{ type: "point", x: 300, y: 200, label: 1 }];
          for (let index = 0; index < count; index++) {
            const one = { ...image, id: `image ${index}` };
            const { runtime } = await ask({ kind: "prepare", model, image: one });
            await decode(model, one, { prompts, mask: null, preview: true });
            heaps.push(runtime.heapBytes);
          }
          return heaps;
        }""",
        [*names, MANY_IMAGES],
    )
    assert len(heaps) == MANY_IMAGES
    assert heaps[0] > 0
    assert heaps[1] <= heaps[9] <= 1.5 * heaps[1], "the client takes the second image's memory for the usual one"
    # WebAssembly memory grows by a fifth at a time, and when fragments make it do so is a matter of timing. A leak of
    # one embedding an image would come to ten times that.
    grown = f"{heaps[9]} bytes after ten images, {heaps[-1]} after {MANY_IMAGES}"
    assert heaps[-1] <= 1.25 * heaps[9], grown


def _page_prompts(prompt: Json) -> list[Json]:
    points = [
        {"type": "point", "x": x, "y": y, "label": label}
        for (x, y), label in zip(prompt.get("points", []), prompt.get("labels", []), strict=True)
    ]
    return points + ([{"type": "box", "box": prompt["box"]}] if "box" in prompt else [])


def _decoder_inputs(prompt: Json, frame: Frame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Clicks, then the box's corners or a padding point: the rule that the graphs' callers keep."""
    coords = frame.points_to_model(np.array(prompt.get("points", []), np.float64).reshape(-1, 2)).reshape(-1, 2)
    labels = [float(label) for label in prompt.get("labels", [])]
    if "box" in prompt:
        more = frame.boxes_to_model(np.array(prompt["box"], np.float64)).reshape(2, 2)
        labels += [2.0, 3.0]
    else:
        more = np.zeros((1, 2))
        labels += [-1.0]
    return np.concatenate([coords, more]).astype(np.float32)[None], np.array([labels], np.float32)


def _mask_of(counts: list[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Column-major run lengths, zeros first."""
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(size[1], size[0]).T


def _iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0
