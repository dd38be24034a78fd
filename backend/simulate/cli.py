"""`maskloom simulate`: play annotators on a running platform and turn the loop."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from backend.simulate.loop import Report


# Where a run happened and who played it say nothing about its figures; the token must not be told.
UNTOLD = {"data", "url", "token", "email", "out", "as_json", "title"}


def simulate(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="Ground truth: a COCO file, or a folder that holds one and its images.")],
    url: Annotated[str, typer.Option(help="The running platform.")] = "http://127.0.0.1:8000",
    token: Annotated[str | None, typer.Option(envvar="MASKLOOM_TOKEN", help="An admin's API token.")] = None,
    email: Annotated[str | None, typer.Option(help="Sign in instead of a token; asks for the password.")] = None,
    images: Annotated[int, typer.Option(min=4, help="How many images to take.")] = 40,
    rounds_stage1: Annotated[int, typer.Option(min=1, help="Rounds in stage 1.")] = 1,
    rounds_stage2: Annotated[int, typer.Option(min=1, help="Rounds in stage 2.")] = 1,
    stage1_share: Annotated[float, typer.Option(min=0.05, max=0.9, help="Of the images, for stage 1.")] = 0.4,
    stage2_share: Annotated[float, typer.Option(min=0.05, max=0.9, help="Of the images, for stage 2.")] = 0.3,
    click_noise: Annotated[float, typer.Option(min=0.0, help="Deviation of a click in pixels of the image.")] = 1.0,
    closer: Annotated[
        bool, typer.Option("--closer/--whole", help="Zoom in on small objects, or always click in the whole image.")
    ] = True,
    look_s: Annotated[
        float, typer.Option(min=0.0, help="Simulated seconds to look at a proposal, whether it is kept or not.")
    ] = 0.0,
    mode: Annotated[str, typer.Option(help="What rounds train: auto, decoder or full.")] = "auto",
    annotators: Annotated[int, typer.Option(min=1, help="Simulated people, taking turns.")] = 2,
    budget_s: Annotated[float, typer.Option(help="Simulated seconds a person gives one image.")] = 120.0,
    give_up_s: Annotated[
        float, typer.Option(min=0.0, help="An object that would take longer is left without a mask; 0: none is.")
    ] = 30.0,
    seed: Annotated[int, typer.Option(help="Chooses the images.")] = 0,
    title: Annotated[str, typer.Option(help="What the images show, for the report; default: the folder's name.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.png.")] = Path("simulation"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Play annotators over HTTP against a running platform: stage 1, round, stage 2, round, stage 3, export."""
    from backend.simulate import report as report_files
    from backend.simulate.annotator import Person
    from backend.simulate.client import Platform, PlatformError
    from backend.simulate.loop import Loop, Plan
    from backend.simulate.truth import Truth
    from engine.errors import EngineError

    console = Console(stderr=True)
    plan = Plan(
        rounds_stage1=rounds_stage1,
        rounds_stage2=rounds_stage2,
        stage1_share=stage1_share,
        stage2_share=stage2_share,
        num_annotators=annotators,
        mode=mode,
    )
    loop: Loop | None = None
    person = Person(
        image_budget_s=budget_s,
        click_noise_px=click_noise,
        looks_closer=closer,
        look_s=look_s,
        give_up_s=give_up_s,
    )
    try:
        if stage1_share + stage2_share >= 1:
            raise PlatformError("--stage1-share and --stage2-share must leave images that nobody touches, for stage 3.")
        if not token and not email:
            raise PlatformError("Give --token (or MASKLOOM_TOKEN) with an admin's API token, or --email to sign in.")
        truth = Truth(data, images, seed)
        if truth.problems:
            console.print(f"Left out ({len(truth.problems)}): {truth.problems[0]}", markup=False, highlight=False)
        with Platform(url, token) as platform, console.status("starting") as status:
            if email:
                platform.sign_in(
                    email, os.environ.get("MASKLOOM_PASSWORD") or typer.prompt("Password", hide_input=True)
                )
            say = status.update if console.is_terminal else _lines(console)
            loop = Loop(platform, truth, plan, person, say)
            report = loop.run(f"{data.name} simulated {time.strftime('%Y-%m-%d %H:%M:%S')}")
            report.about = report_files.about(_command(context), title or data.name)
    except (PlatformError, EngineError) as error:
        console.print(f"[red]error:[/red] {error}", highlight=False)
        if loop is not None and loop.report.batches:
            loop.report.about = report_files.about(_command(context), title or data.name)
            kept, _ = report_files.write(loop.report, out)
            console.print(f"What was measured until then is in {kept}.", highlight=False)
        raise typer.Exit(1) from error
    files = report_files.write(report, out)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=1))
        return
    wide = None if Console().is_terminal else 140  # a log file has no width of its own
    Console(width=wide).print(_table(report), _generated(report), _drawn(report))
    typer.echo(f"Written: {files[0]} and {files[1]}")


def _command(context: typer.Context) -> str:
    """The command line that makes the same run again: the folder's name, and the settings that are not the default."""
    words = ["maskloom", "simulate", Path(context.params["data"]).name]
    for option in context.command.params:
        value = context.params[option.name or ""]
        if option.name in UNTOLD or value == option.default:
            continue
        if isinstance(value, bool):
            words.append((option.opts if value else option.secondary_opts)[0])
        else:
            words += [option.opts[0], f"{value:g}" if isinstance(value, float) else str(value)]
    return " ".join(words)


def _lines(console: Console) -> Callable[[str], None]:
    """What the spinner would say, as lines for a log file; the same line is not said twice in a row."""
    last = ""

    def say(text: str) -> None:
        nonlocal last
        if text != last:
            console.print(f"{time.strftime('%H:%M:%S')} {text}", highlight=False)
            last = text

    return say


def _table(report: Report) -> Table:
    table = Table(title=f"{report.images} images in {report.wall_s / 60:.1f} minutes")
    for column in (
        "batch",
        "stage",
        "images",
        "masks",
        "left",
        "s/mask",
        "clicks/mask",
        "brushed",
        "masks/image",
        "kept",
        "mIoU@1",
        "mIoU@5",
        "NoC@85",
        "trained",
        "gate",
    ):
        table.add_column(column, justify="right")
    for number, batch in enumerate(report.batches, 1):
        after = (batch.round or {}).get("after") or {}
        cells = (f"{batch.seconds_per_mask:.1f}", f"{batch.clicks_per_mask:.1f}", f"{batch.masks_per_image:.1f}")
        scores = (f"{after.get(key, float('nan')):.3f}" for key in ("miou_1", "miou_5", "noc85"))
        kept = f"{batch.proposals_kept}/{batch.proposals}"
        ended = (str((batch.round or {}).get(key, "")) for key in ("mode", "state"))
        drawn = (str(batch.human_masks), str(batch.given_up), *cells[:2], str(batch.brushed), cells[2], kept)
        table.add_row(str(number), str(batch.stage), str(batch.images), *drawn, *scores, *ended)
    return table


def _generated(report: Report) -> Table:
    """Stage 3 on untouched images, with the first model and with the last."""
    table = Table(title="stage 3, on images that nobody touched")
    for column in ("model", "masks", "true", "IoU", "precision", "recall"):
        table.add_column(column, justify="right")
    for name, made in (("first", report.generation_before), ("last", report.generation)):
        if made is None:
            continue
        for level in made["precision"]:
            scores = (f"{made[key][level]:.2f}" for key in ("precision", "recall"))
            table.add_row(name, str(made["generated"]), str(made["truths"]), level, *scores)
    return table


def _drawn(report: Report) -> Table:
    """The same objects of untouched images, drawn with the first model and with the last."""
    table = Table(title="people, on the same objects of images that nobody touched")
    for column in ("model", "masks", "s/mask", "clicks/mask", "brushed"):
        table.add_column(column, justify="right")
    for name, made in (("first", report.drawing_before), ("last", report.drawing)):
        if made is not None:
            figures = (f"{made.seconds_per_mask:.1f}", f"{made.clicks_per_mask:.1f}")
            table.add_row(name, str(made.human_masks), *figures, str(made.brushed))
    return table
