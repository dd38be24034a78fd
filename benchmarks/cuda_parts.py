"""The parts of `benchmarks.cuda`. Each measures both sides on the same machine, in turns where that is quick.

The released checkpoints are not needed: speed does not depend on weights (`benchmarks.random_weights`). The bars are
laid so that of the candidates one in ten passes on predicted IoU, and half of those on stability. Both sides have the
same weights and bars.
"""

from __future__ import annotations

import copy
import gc
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import engine
from benchmarks import reference
from benchmarks.cuda_profile import spent
from benchmarks.generate import share_found
from benchmarks.measure import in_turns, machine, photograph, photographs, publish
from benchmarks.random_weights import BAR, random_model, stretch
from engine.generate.settings import GeneratorSettings
from engine.model.device import pick_device
from engine.model.sam import Sam
from engine.model.vit_encoder import attend_biased, attend_folded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from numpy.typing import NDArray

BATCH, CLICKS = 8, 64
LONG = 6.0  # seconds from which a side is not run again


class Bench:
    """What the parts share: the device, the released code, and the rows, which are written as they come."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.device = pick_device(args.device)
        self.package = reference.load(args.reference) if args.reference else None
        self.args = args
        self.released: dict[str, float] = {}  # images a second of the released encoders
        self._tables: dict[str, list[dict[str, Any]]] = {}
        torch.zeros(1, device=self.device).cpu()

    def add(self, table: str, **row: Any) -> None:
        """One more row, also of a table that an earlier process began."""
        path = self.args.out / f"cuda-{table}.json"
        if table not in self._tables:
            self._tables[table] = json.loads(path.read_text())["rows"] if path.exists() else []
        rows = self._tables[table]
        rows.append(row)
        path.write_text(json.dumps({"benchmark": f"cuda-{table}", "machine": machine(), "rows": rows}, indent=2) + "\n")
        cells = (
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()
        )
        print("   ", ", ".join(cells), flush=True)

    def tidy(self) -> None:
        """Free what a part left behind; RuntimeError if the device is lost."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def publish(self) -> None:
        """All tables, printed once more."""
        for table, rows in self._tables.items():
            publish(f"cuda-{table}", rows, self.args.out)

    def peak(self) -> float | None:
        """GiB of the device's memory that tensors held at most, since the last time."""
        if self.device.type != "cuda":
            return None
        peak = torch.cuda.max_memory_allocated() / 2**30
        torch.cuda.reset_peak_memory_stats()
        return peak

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def run(bench: Bench, part: str) -> None:
    """A part by its name, with a model's name behind a colon where it has one."""
    kind, _, name = part.partition(":")
    parts: dict[str, Callable[..., None]] = {
        "encoder": encoder, "compiled": compiled, "generate": generate, "attention": attention, "decoder": decoder,
        "profile": profile,
    }  # fmt: skip
    parts[kind](bench, *([name] if name else []))


def in_bfloat16(model: Sam) -> Sam:
    lower = copy.deepcopy(model)
    lower.use_bfloat16()
    return lower


def embedding_sides(model: Sam, label: str, batch: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
    """Ours in one precision: one image, and all of them where there are several."""

    def embed(images: torch.Tensor) -> Callable[[], torch.Tensor]:
        def side() -> torch.Tensor:
            with torch.inference_mode():
                return model.embed(images)

        return side

    sides = {f"{label}, 1 image": embed(batch[:1])}
    return sides if len(batch) == 1 else {**sides, f"{label}, {len(batch)} images": embed(batch)}


def recorded(work: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
    """The same as a CUDA graph, to see what launching its kernels one by one costs."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answer = work()

    def replay() -> torch.Tensor:
        graph.replay()
        return answer

    return replay


def encoder(bench: Bench, name: str) -> None:
    """Images a second of the released encoder in float32, of ours in float32 and in bfloat16."""
    model = random_model(name, bench.device)
    batch = model.preprocess([photograph()] * BATCH)
    sides: dict[str, Callable[[], torch.Tensor]] = {}
    if bench.package is not None:
        theirs = reference.official_encoder(bench.package, model)

        def released() -> torch.Tensor:
            with torch.inference_mode():
                return theirs(batch[:1])  # type: ignore[no-any-return]

        sides["released, float32, 1 image"] = released
    sides |= embedding_sides(model, "ours, float32", batch[:1])
    lower = in_bfloat16(model)
    sides |= embedding_sides(lower, "ours, bfloat16", batch)
    _measure_embedding(bench, name, sides, model)
    if bench.device.type == "cuda":
        one, many = embedding_sides(lower, "ours, bfloat16, CUDA graph", batch).items()
        for label, work in (one, many):
            _measure_embedding(bench, name, {label: recorded(work)}, model)


def compiled(bench: Bench, name: str) -> None:
    """Ours in bfloat16, compiled; the first call's seconds are the compiler's."""
    model = random_model(name, bench.device)
    lower = in_bfloat16(model)
    lower.compile_encoder()
    batch = model.preprocess([photograph()] * BATCH)
    for label, work in embedding_sides(lower, "ours, bfloat16, compiled", batch).items():
        started = time.perf_counter()
        work()
        bench.wait()
        first = time.perf_counter() - started
        _measure_embedding(bench, name, {label: work}, model, {"first call s": first})
        if bench.device.type == "cuda":
            graph = recorded(work)
            _measure_embedding(bench, name, {f"{label}, CUDA graph": graph}, model)


def _measure_embedding(
    bench: Bench,
    name: str,
    sides: dict[str, Callable[[], torch.Tensor]],
    model: Sam,
    more: dict[str, Any] | None = None,
) -> None:
    """A row for each side; beside the released one if an earlier row has it, and how far off its embedding is."""
    with torch.inference_mode():
        exact = model.embed(model.preprocess([photograph()]))
    rounds = 3 if bench.device.type == "cuda" else 1

    def several(work: Callable[[], torch.Tensor]) -> Callable[[], None]:
        def side() -> None:
            for _ in range(rounds):
                work()

        return side

    seconds = in_turns({label: several(work) for label, work in sides.items()}, 5, warmup=2)
    for label, value in seconds.items():
        images = BATCH if f"{BATCH} images" in label else 1
        each = value / rounds / images
        error = float((sides[label]()[:1] - exact).abs().max() / exact.abs().max())
        if label.startswith("released"):
            bench.released[name] = 1 / each
        base = bench.released.get(name)
        row: dict[str, Any] = {"images a second": 1 / each, "ms an image": 1000 * each}
        row |= {"times as fast": 1 / each / base if base else None, "largest relative error": error}
        bench.add("encoder", model=name, side=label, **row, GiB=bench.peak(), **(more or {}))


def generate(bench: Bench, name: str) -> None:
    """Seconds an image of the released generator and ours, exact and in bfloat16, and whether they find the same."""
    if name == "default":
        model = engine.load("default", bench.device)
        usual = GeneratorSettings.for_model(model.config)
        bars = {"pred_iou_thresh": usual.pred_iou_thresh, "stability_score_thresh": usual.stability_score_thresh}
    else:
        model = random_model(name, bench.device)
        stable = stretch(model, photographs(bench.args.long_sides[0])[0], bench.args.points_per_side)
        bars = {"pred_iou_thresh": BAR, "stability_score_thresh": stable}
    settings = GeneratorSettings.preset("reference", points_per_side=bench.args.points_per_side, **bars)
    sides: dict[str, Callable[[NDArray[np.uint8]], Any]] = {}
    if bench.package is not None:
        sam = reference.with_our_weights(bench.package, model)
        if name != "default":
            sam.image_encoder = reference.official_encoder(bench.package, model)
        sides["released"] = bench.package.SamAutomaticMaskGenerator(
            sam, points_per_side=bench.args.points_per_side, output_mode="coco_rle", **bars
        ).generate
    ours = {"ours, bfloat16": in_bfloat16(model), "ours, float32": model}
    if name != "default" and bench.device.type == "cuda":
        ours["ours, bfloat16, compiled"] = in_bfloat16(model)
        ours["ours, bfloat16, compiled"].compile_encoder()
    sides |= {label: engine.MaskGenerator(each, settings).generate for label, each in ours.items()}
    for long_side in bench.args.long_sides:
        image = photographs(long_side)[0]
        found: dict[str, Any] = {}
        times: dict[str, float] = {}
        for label, work in sides.items():
            times[label], found[label] = _seconds(bench, work, image)
            row: dict[str, Any] = {"seconds an image": times[label], "masks": len(found[label]), "GiB": bench.peak()}
            if "released" in found and label != "released":
                row["times as fast"] = times["released"] / times[label]
                row["released masks found"] = share_found([found["released"]], [found[label]])
                row["ours among the released"] = share_found([found[label]], [found["released"]])
            if label in ours:
                row["embedding s"] = _seconds(bench, _embed(ours[label]), image)[0]
            size = f"{image.shape[1]} x {image.shape[0]}"
            bench.add("generate", model=name, image=size, side=label, **row, **bars)


def _embed(model: Sam) -> Callable[[NDArray[np.uint8]], Any]:
    """The encoder's part of a generator's work, from the pixels on."""

    def work(image: NDArray[np.uint8]) -> Any:
        with torch.inference_mode():
            return model.prepare(model.embed(model.preprocess([image])))

    return work


def _seconds(bench: Bench, work: Callable[[NDArray[np.uint8]], Any], image: NDArray[np.uint8]) -> tuple[float, Any]:
    """The median of three, after one to warm up; of one if that is long. And the answer."""
    seconds: list[float] = []
    answer = None
    for turn in range(4):
        bench.wait()
        started = time.perf_counter()
        answer = work(image)
        bench.wait()
        seconds.append(time.perf_counter() - started)
        if turn and seconds[-1] > LONG:
            break
    return statistics.median(seconds[1:]), answer


def profile(bench: Bench) -> None:
    """Where the time of one image goes that we generate masks of in bfloat16."""
    model = random_model("vit_b" if bench.device.type == "cuda" else "tiny", bench.device)
    image = photographs(max(bench.args.long_sides))[0]
    bars = {"pred_iou_thresh": BAR, "stability_score_thresh": stretch(model, image, bench.args.points_per_side)}
    model.use_bfloat16()
    settings = GeneratorSettings.preset("reference", points_per_side=bench.args.points_per_side, **bars)
    for row in spent(engine.MaskGenerator(model, settings), image, bench.wait):
        bench.add("profile", **row)


def attention(bench: Bench) -> None:
    """The two ways to add relative positions, on the shapes of the released encoders, in bfloat16."""
    shapes = {"global, vit_b": (1, 12, 64, 64), "window, vit_b": (25, 12, 14, 64)}
    shapes |= {"global, vit_h": (1, 16, 64, 80), "window, vit_h": (25, 16, 14, 80)}
    for label, (count, heads, side, width) in shapes.items():
        if bench.device.type == "cpu":
            side = 4
        q, k, v = (
            torch.randn(count, heads, side**2, width, device=bench.device, dtype=torch.bfloat16) for _ in range(3)
        )
        rows, columns = (
            torch.randn(count, heads, side**2, side, device=bench.device, dtype=torch.bfloat16) for _ in range(2)
        )
        exact = attend_biased(*(part.float() for part in (q, k, v, rows, columns)))
        for way in (attend_biased, attend_folded):

            def ten(way: Any = way, inputs: Any = (q, k, v, rows, columns)) -> None:
                with torch.inference_mode():
                    for _ in range(10):
                        way(*inputs)

            milliseconds = 100 * in_turns({"way": ten}, 5, warmup=2)["way"]
            error = float((way(q, k, v, rows, columns) - exact).abs().max() / exact.abs().max())
            bench.add("attention", shape=label, way=way.__name__, ms=milliseconds, error=error)


def decoder(bench: Bench) -> None:
    """One click and 64, about an embedded image."""
    model = engine.load("default", bench.device)
    lower = in_bfloat16(model)
    with torch.inference_mode():
        embedding = model.embed(model.preprocess([photographs()[0]]))
    made = torch.rand(CLICKS, 1, 2, generator=torch.Generator().manual_seed(0)) * model.config.image_size
    points, labels = made.to(bench.device), torch.ones(CLICKS, 1, device=bench.device)
    for count in (1, CLICKS):
        sides: dict[str, Callable[[], Any]] = {}
        if bench.package is not None:
            theirs = reference.with_our_weights(bench.package, model)

            def released(count: int = count, theirs: Any = theirs) -> Any:
                with torch.inference_mode():
                    sparse, dense = theirs.prompt_encoder((points[:count], labels[:count]), boxes=None, masks=None)
                    return theirs.mask_decoder(embedding, theirs.prompt_encoder.get_dense_pe(), sparse, dense, True)[0]

            sides["released, float32"] = released
        for label, chosen in (("ours, float32", model), ("ours, bfloat16", lower)):
            with torch.inference_mode():
                features = chosen.prepare(embedding)

            def ours(count: int = count, chosen: Sam = chosen, features: Any = features) -> Any:
                with torch.inference_mode():
                    return chosen.decode(features, points[:count], labels[:count])[0][:, 1:]

            sides[label] = ours
        seconds = in_turns(sides, 20, warmup=3)
        exact = next(iter(sides.values()))()
        for label, value in seconds.items():
            error = float((sides[label]() - exact).abs().max() / exact.abs().max())
            base = seconds.get("released, float32")
            row = {"ms": 1000 * value, "times as fast": base / value if base else None, "largest relative error": error}
            bench.add("decoder", clicks=count, side=label, **row)
