"""The parts of the simulated loop by themselves: plan, matching, truth, report, and what refusals become."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from backend.cli import app
from backend.simulate import report as report_files
from backend.simulate.annotator import Person, new_id
from backend.simulate.client import Platform, PlatformError
from backend.simulate.loop import Batch, Loop, Plan, Report, matched
from backend.simulate.truth import Truth
from engine.errors import EngineError, TrainingError

SQUARE = [[2.0, 2.0, 12.0, 2.0, 12.0, 12.0, 2.0, 12.0]]
SMALL = [[14.0, 14.0, 18.0, 14.0, 18.0, 18.0, 14.0, 18.0]]


# -- plan


def test_a_plan_shares_the_images_out_over_the_rounds() -> None:
    assert Plan().batches(40) == [(1, 16), (2, 12)]
    assert Plan(rounds_stage1=3, rounds_stage2=2).batches(40) == [(1, 5), (1, 6), (1, 5), (2, 6), (2, 6)]


@pytest.mark.parametrize("rounds", [1, 3, 50])
@pytest.mark.parametrize("images", [4, 5, 17])
def test_no_batch_is_empty_and_some_images_stay_untouched(images: int, rounds: int) -> None:
    plan = Plan(rounds_stage1=rounds, rounds_stage2=rounds)
    batches = plan.batches(images)
    assert all(size > 0 for _, size in batches)
    assert sum(size for _, size in batches) < images
    assert [stage for stage, _ in batches] == sorted(stage for stage, _ in batches)
    assert {stage for stage, _ in batches} == {1, 2}


# -- matching


def box(x0: int, x1: int) -> Any:
    mask = np.zeros((10, 20), dtype=bool)
    mask[:, x0:x1] = True
    return mask


def test_matching_is_one_to_one_and_takes_the_best_pairs() -> None:
    assert matched([], [box(0, 5)], 0.5) == matched([box(0, 5)], [], 0.5) == 0
    assert matched([box(0, 10), box(0, 9)], [box(0, 10)], 0.5) == 1
    # The first found mask could take either truth; taking the better one leaves the other for the second.
    found, wanted = [box(0, 10), box(0, 7)], [box(0, 8), box(0, 10)]
    assert matched(found, wanted, 0.7) == 2
    assert matched(found, wanted, 0.9) == 1
    assert matched([box(0, 10)], [box(0, 5)], 0.5) == 1, "the level itself counts"


# -- truth


def coco_folder(folder: Path, **changes: Any) -> Path:
    (folder / "images").mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (24, 20)).save(folder / "images" / f"{number}.png")
    document = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 24, "height": 20} for n in range(3)],
        "annotations": [
            {"image_id": 0, "segmentation": SMALL},
            {"image_id": 0, "segmentation": SQUARE, "iscrowd": 0},
            {"image_id": 0, "segmentation": SQUARE, "iscrowd": 1},
            {"image_id": 1, "segmentation": SQUARE},
        ],
        **changes,
    }
    (folder / "instances.json").write_text(json.dumps(document))
    return folder


def test_truth_is_the_annotated_images_with_the_largest_object_first(tmp_path: Path) -> None:
    truth = Truth(coco_folder(tmp_path), 10, seed=0)
    assert [path.name for path in truth.paths] == ["0.png", "1.png"]
    masks = truth.masks("0.png")
    assert [mask.shape for mask in masks] == [(20, 24)] * 2
    assert masks[0].sum() > masks[1].sum() > 0
    assert [path.name for path in Truth(tmp_path, 1, seed=3).paths] == [
        path.name for path in Truth(tmp_path, 1, seed=3).paths
    ]


def test_truth_in_sub_folders_is_found_by_the_name_that_the_platform_shows(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "sub/1.png", "width": 24, "height": 20}]
    folder = coco_folder(tmp_path, images=images)
    (folder / "images" / "sub").mkdir()
    (folder / "images" / "1.png").rename(folder / "images" / "sub" / "1.png")
    assert len(Truth(folder, 1, seed=0).masks("1.png")) == 1


GONE = [{"id": number, "file_name": "x.png", "width": 24, "height": 20} for number in range(2)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annotations": []}, "annotates no image"),
        ({"annotations": None}, "not a COCO instances file"),
        ({"images": [{"id": 0}]}, "annotates no image.*file_name"),
        (
            {"images": [{"id": n, "file_name": "x.png", "width": 24, "height": 20} for n in range(2)]},
            "x.png is missing",
        ),
        ({"annotations": [{"image_id": 0}]}, "list of polygons or an RLE"),
        ({"annotations": [{"image_id": 0, "segmentation": [[1, 2, 3]]}]}, "odd number"),
    ],
)
def test_a_folder_that_is_no_truth_says_why(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        Truth(coco_folder(tmp_path, **changes), 4, seed=0)


def test_what_is_broken_in_a_truth_is_left_out_and_told(tmp_path: Path) -> None:
    folder = coco_folder(tmp_path)
    document = json.loads((folder / "instances.json").read_text())
    for number, name in ((7, "gone.png"), (8, "sub/1.png"), (9, "broken.png")):
        document["images"].append({"id": number, "file_name": name, "width": 24, "height": 20})
        document["annotations"].append({"image_id": number, "segmentation": SQUARE})
    document["annotations"].append({"image_id": 0, "segmentation": []})
    (folder / "images" / "sub").mkdir()
    (folder / "images" / "1.png").rename(folder / "images" / "sub" / "1.png")
    (folder / "images" / "1.png").write_bytes((folder / "images" / "0.png").read_bytes())
    (folder / "images" / "broken.png").write_bytes(b"no picture")
    (folder / "instances.json").write_text(json.dumps(document))
    truth = Truth(folder, 10, seed=0)
    assert [path.name for path in truth.paths] == ["0.png", "1.png"]
    assert len(truth.masks("1.png")) == 1
    words = ("no polygon", "gone.png is missing", "broken.png cannot be decoded", "1.png has the name of another")
    assert len(truth.problems) == len(words)
    assert all(any(word in problem for problem in truth.problems) for word in words)


def test_a_folder_without_annotations_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"No COCO file in .*instances\.json"):
        Truth(tmp_path, 4, seed=0)


# -- report


def test_a_report_is_written_as_json_and_as_a_plot(tmp_path: Path) -> None:
    figures = {"miou_1": 0.4, "miou_5": 0.7}
    batches = [
        Batch(
            stage=stage, model_id="m", images=3, human_masks=6, given_up=1, clicks=9, brushed=1, human_seconds_s=20.0,
            seconds_per_mask=3.3, clicks_per_mask=1.5, masks_per_image=2.0, mean_iou=0.9, proposals=4,
            proposals_kept=stage, wall_s=1.0,
            round=made,
        )
        for stage, made in (
            (1, {"number": 1, "mode": "full", "before": figures, "after": figures}),
            (2, {"number": 2, "mode": "decoder", "after": None}),
        )
    ]  # fmt: skip
    levels = {"0.5": 0.5, "0.75": 0.25}
    report = Report(
        dataset_id="d", images=8, person=vars(Person()), plan=vars(Plan()), batches=batches,
        generation={"images": 2, "generated": 4, "truths": 4, "precision": levels, "recall": levels},
        generation_before={"images": 2, "generated": 9, "truths": 4, "precision": levels, "recall": levels},
    )  # fmt: skip
    data, plot = report_files.write(report, tmp_path / "a" / "b")
    again = json.loads(data.read_text())
    assert again == report.to_dict()
    assert [batch["proposals_kept"] for batch in again["batches"]] == [1, 2]
    with Image.open(plot) as picture:
        assert min(picture.size) > 500


# -- rounds


@pytest.mark.parametrize("mode", ["auto", "decoder"])
def test_a_round_is_over_once_the_new_model_is_settled_in(mode: str, tmp_path: Path) -> None:
    ended = dict.fromkeys(("snapshot", "before", "after", "gate", "model_id"))
    done = {**ended, "id": "r", "number": 1, "mode": "full", "state": "activated"}
    embedding = iter(["queued", "running", "succeeded"])
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            asked.append(json.loads(request.content)["mode"])
        if request.url.path != "/api/jobs":
            return httpx.Response(200, json=done)
        job = {"title": "Embed images", "state": next(embedding), "done": 0, "total": 1}
        return httpx.Response(200, json={"items": [job]})

    loop = Loop(platform(handler), Truth(coco_folder(tmp_path), 2, 0), Plan(mode=mode), Person(), lambda _: None)
    made = loop._round()
    assert (made["mode"], asked) == ("full", [mode])
    assert next(embedding, None) is None, "the next image would wait for its embedding"


# -- refusals


def platform(handler: Callable[[httpx.Request], httpx.Response]) -> Platform:
    made = Platform("http://maskloom.test")
    made._http = httpx.Client(base_url=made.url, transport=httpx.MockTransport(handler))
    return made


@pytest.mark.parametrize(
    ("answer", "message", "status", "code"),
    [
        (httpx.Response(409, json={"detail": "Wait.", "code": "not_ready"}), "GET /x: Wait.", 409, "not_ready"),
        (httpx.Response(502, text="Bad gateway"), "GET /x: Bad gateway", 502, ""),
        (httpx.Response(500, json=["odd"]), 'GET /x: ["odd"]', 500, ""),
        (httpx.Response(404), "GET /x: Not Found", 404, ""),
        (httpx.Response(200, text="<html>"), "is not Maskloom", 0, ""),
        (httpx.Response(200, json=[1]), "is not Maskloom", 0, ""),
    ],
)
def test_a_refusal_is_told_in_the_platforms_words(answer: httpx.Response, message: str, status: int, code: str) -> None:
    with pytest.raises(PlatformError) as raised:
        platform(lambda _: answer).get("/x")
    assert message in str(raised.value)
    assert (raised.value.status, raised.value.code) == (status, code)


def test_nobody_there_and_no_address() -> None:
    with pytest.raises(PlatformError, match=r"does not answer.*maskloom up"):
        Platform("http://127.0.0.1:9").get("/x")
    with pytest.raises(PlatformError, match="not an address"):
        Platform("http://127.0.0.1:port")


def test_a_one_time_password_is_named_as_what_it_is() -> None:
    with pytest.raises(PlatformError, match=r"one-time password.*choose your own") as raised:
        platform(lambda _: httpx.Response(200, json={"must_change_password": True})).sign_in("a@b", "x")
    assert raised.value.code == "password_change_required"


def test_a_job_that_failed_and_one_that_never_ends() -> None:
    failed = {"title": "Round 1", "state": "failed", "error": "No memory."}
    with pytest.raises(PlatformError, match=r"Round 1.* failed: No memory\."):
        platform(lambda _: httpx.Response(200, json=failed)).wait_job("1")
    with pytest.raises(PlatformError, match="are the workers running"):
        platform(lambda _: httpx.Response(200, json={"state": "running"})).wait_job("1", timeout_s=0.01)


def test_pages_are_followed_to_the_last() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        cursor = int(request.url.params.get("cursor", 0))
        return httpx.Response(200, json={"items": [cursor], "next_cursor": str(cursor + 1) if cursor < 2 else None})

    assert list(platform(handler).pages("/x", limit=1)) == [0, 1, 2]


def test_ids_are_uuid7_and_grow() -> None:
    ids = [new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert {(made[14], made[19] in "89ab") for made in ids} == {("7", True)}
    assert [made[:13] for made in ids] == sorted(made[:13] for made in ids)


def test_the_command_asks_for_a_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASKLOOM_TOKEN", raising=False)
    done = CliRunner().invoke(app, ["simulate", str(coco_folder(tmp_path))])
    assert done.exit_code == 1
    assert "--token" in done.output


def test_the_report_tells_how_to_make_it_again_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "backend.simulate.loop.Loop.run", lambda loop, name: Report(dataset_id="d", images=4, person={}, plan={})
    )
    monkeypatch.setattr(report_files, "about", lambda command, data: told.extend((command, data)) or {})
    monkeypatch.setattr(report_files, "write", lambda report, out: (out / "a", out / "b"))
    words = ["--token", "mlk_secret", "--budget-s", "60", "--rounds-stage2", "2", "--images", "40"]
    done = CliRunner().invoke(app, ["simulate", str(coco_folder(tmp_path / "discs")), *words, "--title", "white discs"])
    assert done.exit_code == 0, done.output
    assert told == ["maskloom simulate discs --rounds-stage2 2 --budget-s 60", "white discs"]
    told.clear()
    CliRunner().invoke(app, ["simulate", str(tmp_path / "discs"), "--token", "mlk_secret", "--whole"])
    assert told == ["maskloom simulate discs --whole", "discs"]


def test_a_loop_that_is_cut_short_leaves_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Batch(
        stage=1, model_id="m", images=2, human_masks=4, given_up=0, clicks=8, brushed=1, human_seconds_s=40.0,
        seconds_per_mask=10.0, clicks_per_mask=2.0, masks_per_image=2.0, mean_iou=0.9, proposals=0, proposals_kept=0,
        wall_s=3.0,
    )  # fmt: skip

    def run(loop: Loop, name: str) -> Report:
        loop.report.batches.append(batch)
        raise PlatformError("the server is gone")

    monkeypatch.setattr(Loop, "run", run)
    words = ["simulate", str(coco_folder(tmp_path / "discs")), "--token", "t", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "the server is gone" in done.output
    kept = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [row["human_masks"] for row in kept["batches"]] == [4]
    assert kept["about"]["command"] == "maskloom simulate discs"
