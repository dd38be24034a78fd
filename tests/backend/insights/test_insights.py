"""The loop's figures, counted from rows made by hand."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from backend.annotation.models import Mask, MaskSource, MaskStatus
from backend.core.runtime import Runtime
from backend.insights.recorded import of_report
from backend.rounds.models import Round, RoundMode, RoundState
from backend.simulate import report as report_files
from backend.simulate.loop import Batch, Report
from tests.factories.records import box_rle, make_dataset, make_image, make_model

START = datetime(2026, 1, 1, 23, 0, tzinfo=UTC)
Add = Callable[..., None]


def adder(session: Session, dataset_id: uuid.UUID) -> Add:
    def add(image_id: uuid.UUID, minutes: float, source: MaskSource = MaskSource.MODEL, **values: Any) -> None:
        mask_id = uuid.uuid4()
        columns = {
            "status": MaskStatus.ACCEPTED,
            "accepted_at": START + timedelta(minutes=minutes),
            "seconds_s": 0.0,
            "num_clicks": 0,
        }
        session.add(
            Mask(
                id=mask_id,
                dataset_id=dataset_id,
                image_id=image_id,
                rle=box_rle(0, 0, 5, 5),
                bbox=[0, 0, 4, 4],
                area=25,
                source=source,
                stage=1,
                review_bucket=0,
                **{**columns, **values},
            )
        )

    return add


@pytest.fixture
def dataset_id(runtime: Runtime) -> uuid.UUID:
    """Round 1 after 30 minutes, round 2 after 90; what came in between is known to the second."""
    with runtime.database.transaction() as session:
        dataset = make_dataset(session)
        first, second, third = (make_image(session, dataset).id for _ in range(3))
        model = make_model(session, runtime.storage)
        add = adder(session, dataset.id)
        add(first, 10, seconds_s=20.0, num_clicks=4)
        add(first, 20, MaskSource.BRUSH, seconds_s=40.0, num_clicks=0)
        add(second, 25, seconds_s=30.0, num_clicks=2)
        add(second, 26, status=MaskStatus.REJECTED, seconds_s=999.0)
        add(second, 27, deleted_at=START + timedelta(minutes=28), seconds_s=999.0)
        add(third, 1, MaskSource.IMPORT)
        add(third, 70, MaskSource.PROPOSAL)
        add(third, 70, MaskSource.PROPOSAL)
        add(third, 71, MaskSource.PROPOSAL, edited=True, seconds_s=10.0, num_clicks=1)
        dropped = {"accepted_at": None, "status": MaskStatus.PROPOSED}
        add(third, 0, MaskSource.PROPOSAL, deleted_at=START + timedelta(minutes=72), **dropped)
        add(third, 0, MaskSource.PROPOSAL, **dropped)
        add(third, 100, seconds_s=8.0, num_clicks=3)
        add(third, 101, MaskSource.GENERATED)
        for number, minutes, gain in ((1, 30, 0.2), (2, 90, 0.01)):
            session.add(
                Round(
                    dataset_id=dataset.id,
                    number=number,
                    stage=number,
                    mode=RoundMode.decoder,
                    state=RoundState.activated,
                    parent_model_id=model.id,
                    model_id=model.id,
                    snapshot_at=START + timedelta(minutes=minutes),
                    before={"miou_1": 0.4, "miou_5": 0.6},
                    after={"miou_1": 0.5, "miou_5": 0.7, "per_image": {}},
                    gate={"gain": gain},
                )
            )
        return dataset.id


def test_figures_per_round(login: Any, dataset_id: uuid.UUID) -> None:
    answer = login("annotator").get(f"/api/insights/{dataset_id}")
    assert answer.status_code == 200, answer.text
    one, two = answer.json()["rounds"]
    assert (one["masks"], one["images"], one["seconds_per_mask"], one["clicks_per_mask"]) == (3, 2, 30.0, 2.0)
    assert one["masks_per_image"] == 1.5
    assert one["proposals_kept"] is None
    assert (one["miou_1_before"], one["miou_1"], one["miou_5"], one["gain"]) == (0.4, 0.5, 0.7, 0.2)
    # Stage 2: three kept proposals, one of them mended; the mended one is what was drawn.
    assert (two["masks"], two["images"], two["seconds_per_mask"], two["clicks_per_mask"]) == (3, 1, 10.0, 1.0)
    assert two["proposals_kept"] == 0.75
    assert (one["seconds_per_mask_left"], two["seconds_per_mask_left"]) == (30.0, pytest.approx(10 / 3))


def test_totals_and_days(login: Any, dataset_id: uuid.UUID) -> None:
    body = login("annotator").get(f"/api/insights/{dataset_id}").json()
    assert (body["current"]["masks"], body["current"]["seconds_per_mask"]) == (1, 8.0)
    totals = body["totals"]
    assert (totals["masks"], totals["drawn_masks"], totals["proposals"]) == (7, 5, 3)
    assert (totals["imported"], totals["generated"], totals["rounds"]) == (1, 1, 2)
    assert totals["hours"] == pytest.approx(108 / 3600)
    days = body["per_day"]
    assert [(day["day"], day["masks"]) for day in days] == [("2026-01-01", 3), ("2026-01-02", 4)]


def test_an_empty_dataset_has_no_figures(login: Any, runtime: Runtime) -> None:
    with runtime.database.transaction() as session:
        dataset = make_dataset(session)
    body = login("annotator").get(f"/api/insights/{dataset.id}").json()
    assert (body["rounds"], body["per_day"], body["totals"]["masks"]) == ([], [], 0)
    assert body["totals"]["seconds_per_mask"] is None


def test_roles(client: Any, login: Any, dataset_id: uuid.UUID) -> None:
    assert client.get(f"/api/insights/{dataset_id}").status_code == 401
    assert login("annotator").get(f"/api/insights/{uuid.uuid4()}").status_code == 404


# -- the recorded run


def test_the_recorded_run_is_a_whole_loop(client: Any, login: Any) -> None:
    assert client.get("/api/insights/recorded").status_code == 401
    answer = login("annotator").get("/api/insights/recorded")
    assert answer.status_code == 200, answer.text
    run = answer.json()
    assert run["command"].startswith("maskloom simulate ")
    assert {row["stage"] for row in run["rounds"]} == {1, 2}
    assert [row["number"] for row in run["rounds"]] == list(range(1, len(run["rounds"]) + 1))
    assert all(row["miou_1"] and row["miou_5"] and row["seconds_per_mask"] for row in run["rounds"])
    assert [made["model"] for made in run["generations"]] == ["first", "last"]
    assert sum(row["images"] for row in run["rounds"]) + run["generations"][1]["images"] == run["images"]


def test_a_report_as_simulate_writes_it_can_take_its_place(tmp_path: Path) -> None:
    level = {"0.5": 0.9}
    counts: dict[str, Any] = {"images": 4, "generated": 7, "truths": 9, "precision": level, "recall": level}
    ended = {
        "number": 1,
        "mode": "full",
        "before": {"miou_1": 0.4},
        "after": {"miou_1": 0.5, "miou_5": 0.6},
        "gate": None,
    }
    batch = Batch(
        stage=2, model_id="m", images=4, human_masks=8, given_up=1, clicks=16, brushed=1, human_seconds_s=80.0,
        seconds_per_mask=10.0, clicks_per_mask=2.0, masks_per_image=3.5, mean_iou=0.9, proposals=8, proposals_kept=6,
        wall_s=3.0, round=ended,
    )  # fmt: skip
    report = Report(
        dataset_id="d", images=8, person={}, plan={}, batches=[batch], generation=counts, drawing=batch, wall_s=60.0,
        about=report_files.about("maskloom simulate discs", "discs"),
    )  # fmt: skip
    data, _ = report_files.write(report, tmp_path)
    run = of_report(json.loads(data.read_text()))
    assert (run.data, run.images, [made.model for made in run.generations]) == ("discs", 8, ["last"])
    assert [(one.model, one.masks, one.seconds_per_mask) for one in run.drawings] == [("last", 8, 10.0)]
    (row,) = run.rounds
    assert (row.masks, row.proposals_kept, row.miou_1_before, row.miou_5, row.gain) == (14, 0.75, 0.4, 0.6, None)
    assert row.seconds_per_mask_left == pytest.approx(80 / 14)
