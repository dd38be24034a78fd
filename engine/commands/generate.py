"""`maskloom generate`: a folder of images in, one SA-1B JSON per image out.

A thin shell over `engine.generate.folder`; torch is imported when the command runs, not with this module.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from engine.console import fail_clearly, print_json, stderr
from engine.errors import EngineError
from engine.export import sa1b
from engine.generate.settings import PRESETS, GeneratorSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.generate.candidate import MaskRecord
    from engine.generate.folder import Outcome, Plan
    from engine.generate.generator import MaskGenerator

SOME_FAILED, STOPPED = 1, 130
# SA-1B numbers masks across all images: each image has its own range (40 bits of image id, 13 of mask).
_MASKS_PER_IMAGE = 2**13


class Loading(NamedTuple):
    """Which model, and how it is to run."""

    model: str
    device: str
    compile_encoder: bool
    bfloat16: bool


_FOLDER = typer.Argument(
    exists=True, file_okay=False, readable=True, help="Folder of images (subfolders are left out)."
)
_MODEL = typer.Option(help="A model's name, or the path of a .safetensors model or a released sam_vit_*.pth.")


def generate(
    folder: Annotated[Path, _FOLDER],
    out: Annotated[Path, typer.Option(help="Folder for the JSON files; made if it is not there.")],
    model: Annotated[str, _MODEL] = "default",
    preset: Annotated[str, typer.Option(help=f"Settings: {', '.join(PRESETS)}.")] = "default",
    points_per_side: Annotated[
        int | None, typer.Option(help="Points per side of the grid, instead of the preset's.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")] = "auto",
    compile_encoder: Annotated[
        bool, typer.Option("--compile", help="Compile the encoder first: for many images, above all on CUDA.")
    ] = False,
    bfloat16: Annotated[
        bool,
        typer.Option("--bfloat16", help="Half the precision: several times as fast on CUDA, nearly the same masks."),
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Do images again whose JSON is there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON on standard output.")] = False,
) -> None:
    """Generate the masks of every image in FOLDER, as SA-1B JSON named after each image.

    Images that are done already are skipped, so a stopped run can be taken up again. A broken image is reported and the
    rest go on; the exit code is then 1.
    """
    with fail_clearly():
        changes: dict[str, Any] = {} if points_per_side is None else {"points_per_side": points_per_side}
        GeneratorSettings.preset(preset, **changes)  # a wrong preset is told before anything is loaded
        how = Loading(model, device, compile_encoder, bfloat16)
        code = _generate(folder, out, how, (preset, changes), overwrite, as_json)
    raise typer.Exit(code)


def _generate(
    folder: Path,
    out: Path,
    how: Loading,
    chosen: tuple[str, dict[str, Any]],
    overwrite: bool,
    as_json: bool,
) -> int:
    from engine.generate.folder import make_plan

    plan = make_plan(folder, out, overwrite=overwrite)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{out} cannot be made ({error.strerror}). Choose another folder with --out.") from error
    for refused in plan.refused:
        _say(refused.path.name, refused.error)
    generator = _load(how, chosen) if plan.todo else None
    done, stop = _run(generator, plan, out)
    failed = [*plan.refused, *(outcome for outcome in done if outcome.error)]
    written = [outcome for outcome in done if not outcome.error]
    masks = sum(outcome.masks for outcome in written)
    _say("done" if stop is None else "stopped", _summary(len(written), masks, out, len(plan.present), len(failed)))
    if as_json:
        settings = generator.settings if generator else GeneratorSettings.preset(chosen[0], **chosen[1])
        print_json(_report(folder, out, how.model, settings, plan, written, failed))
    if stop is not None:
        return stop
    return SOME_FAILED if failed else 0


def _run(generator: "MaskGenerator | None", plan: "Plan", out: Path) -> tuple[list["Outcome"], int | None]:
    """(what became of each image, the exit code if the run had to stop early)."""
    from engine.generate.folder import run

    done: list[Outcome] = []
    if generator is None:
        return done, None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) if stderr.is_terminal else nullcontext() as bars:
        images = bars.add_task("images", total=len(plan.todo)) if bars else TaskID(0)
        points = bars.add_task("points", total=None) if bars else TaskID(0)

        def show(count: int, total: int) -> None:
            if bars:
                bars.update(points, completed=count, total=total)

        try:
            for outcome in run(generator, plan.todo, out, _write, show):
                done.append(outcome)
                if outcome.error:
                    _say(outcome.path.name, outcome.error)
                if bars:
                    bars.advance(images)
        except KeyboardInterrupt:
            _say("stopped", "Run the same command again to go on from here.")
            return done, STOPPED
        except OSError as error:
            reason = error.strerror or str(error)
            _say("error", f"Nothing more can be written to {out} ({reason}). Make room there, then run again.")
            return done, SOME_FAILED
    return done, None


def _write(path: Path, image: Path, size: tuple[int, int], records: "Sequence[MaskRecord]") -> None:
    from engine.generate.folder import image_id

    number = image_id(image)
    meta: sa1b.ImageMeta = {"image_id": number, "width": size[1], "height": size[0], "file_name": image.name}
    sa1b.write_image_json(path, meta, records, first_id=number * _MASKS_PER_IMAGE + 1)


def _load(how: Loading, chosen: tuple[str, dict[str, Any]]) -> "MaskGenerator":
    from engine.generate.generator import MaskGenerator
    from engine.model.device import pick_device
    from engine.model.registry import load

    sam = load(how.model, pick_device(how.device), compile_encoder=how.compile_encoder, bfloat16=how.bfloat16)
    preset, changes = chosen
    return MaskGenerator(sam, GeneratorSettings.for_model(sam.config, preset, **changes))


def _say(subject: str, text: str | None) -> None:
    stderr.print(f"[bold]{escape(subject)}[/bold]: {escape(text or '')}", soft_wrap=True, highlight=False)


def _summary(written: int, masks: int, out: Path, present: int, failed: int) -> str:
    parts = [f"{written} images written to {out} with {masks} masks"]
    if present:
        parts.append(f"{present} were there already (--overwrite does them again)")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts) + "."


def _report(
    folder: Path,
    out: Path,
    model: str,
    settings: GeneratorSettings,
    plan: "Plan",
    written: "Sequence[Outcome]",
    failed: "Sequence[Outcome]",
) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "out": str(out),
        "model": model,
        "settings": settings.to_dict(),
        "written": [
            {"file": outcome.path.name, "masks": outcome.masks, "seconds_s": round(outcome.seconds_s, 3)}
            for outcome in written
        ],
        "skipped": [path.name for path in plan.present],
        "failed": [{"file": outcome.path.name, "error": outcome.error} for outcome in failed],
    }
