"""`maskloom regions`: a folder of photographs in, the regions that stand out in them as one COCO file out.

A thin shell over `engine.train.regions`, which is imported when the command runs, not with this module.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.console import fail_clearly, print_json, stderr, stdout

_FOLDER = typer.Argument(
    exists=True, file_okay=False, readable=True, help="Folder of images (subfolders are left out)."
)


def regions(
    folder: Annotated[Path, _FOLDER],
    out: Annotated[Path, typer.Option("--out", "-o", help="The COCO file to write.")],
    limit: Annotated[int, typer.Option(min=1, help="At most so many regions an image, the clearest first.")] = 30,
    processes: Annotated[int, typer.Option(min=1, help="Images worked on at once.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find regions in the images of FOLDER without any labels, as further masks to train on."""
    with fail_clearly():
        from engine.train.regions import region_file

        columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=stderr, transient=True) if stderr.is_terminal else nullcontext() as bars:
            task = bars.add_task("images", total=None) if bars else None

            def show(done: int, total: int) -> None:
                if bars and task is not None:
                    bars.update(task, completed=done, total=total)

            images, masks, problems = region_file(folder, out, limit=limit, processes=processes, progress=show)
    for problem in problems:
        stderr.print(escape(problem), soft_wrap=True, highlight=False)
    if as_json:
        print_json({"out": str(out), "images": images, "masks": masks, "problems": problems})
    else:
        stdout.print(f"Wrote {escape(str(out))}: {masks} regions of {images} images.", soft_wrap=True, highlight=False)
