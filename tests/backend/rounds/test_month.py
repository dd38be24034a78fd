"""A month of a dataset's life under its policy, on a fake clock, on a real database.

People draw on working days, rounds take two hours, proposals get better with every round of stage 2. The scheduler
looks every two hours, twice at once.
"""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from backend import pipeline
from backend.annotation.models import Mask, MaskSource, MaskStatus
from backend.core.db import utcnow
from backend.core.runtime import Runtime
from backend.datasets.models import DEFAULT_POLICY, Dataset
from backend.generation.models import Generation
from backend.rounds import service, stages
from backend.rounds.models import Round, RoundState, StageChange
from engine.masks import rle
from tests.backend.conftest import Scene, disc

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
POLICY = {
    **DEFAULT_POLICY,
    "min_new_masks": 6,
    "max_rounds_stage1": 4,
    "max_rounds_stage2": 5,
    "proposal_window": 6,
    "quiet_from": 22,
    "quiet_until": 6,
}
FROZEN_DAYS = range(2, 4)
# What each round gains, and how long a mask takes before it: stage 1 saturates with its third round.
GAINS = (0.08, 0.004, 0.001, 0.02, 0.02, 0.02, 0.02, 0.02)
SECONDS = (30.0, 22.0, 22.0, 21.5, 20.0, 19.0, 18.0, 18.0, 18.0)


class Month:
    """People, workers and the clock of one dataset."""

    def __init__(self, runtime: Runtime, scene: Scene) -> None:
        self.runtime = runtime
        self.scene = scene
        self.drawn = 0
        self.started_at: dict[uuid.UUID, datetime] = {}
        self.stage_at: list[tuple[datetime, int]] = []

    def schedule_twice(self, now: datetime) -> None:
        def look(_: int) -> None:
            with self.runtime.database.transaction() as session:
                stages.schedule(session, now)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(look, range(2)))

    def work(self) -> None:
        """One drawn mask; in stage 2 also two proposals, kept, mended or thrown away."""
        with self.runtime.database.transaction() as session:
            dataset = session.get_one(Dataset, self.scene.dataset_id)
            rounds = len(service.list_rounds(session, dataset.id))
            self._add(session, dataset, MaskSource.MODEL, seconds_s=SECONDS[min(rounds, len(SECONDS) - 1)])
            if dataset.stage == 2:
                in_stage = rounds - 3
                for number in range(2):
                    if in_stage >= 2 or number == 0:  # from its second round on all proposals are good
                        self._add(session, dataset, MaskSource.PROPOSAL)
                    else:
                        self._add(session, dataset, MaskSource.PROPOSAL, edited=True, proposed_rle=_shifted(0))

    def finish_rounds(self, now: datetime) -> None:
        """Rounds started two hours ago come to a verdict."""
        with self.runtime.database.transaction() as session:
            for row in service.list_rounds(session, self.scene.dataset_id):
                begun = self.started_at.setdefault(row.id, now)
                if row.state == RoundState.pending and now - begun >= timedelta(hours=2):
                    row.state = RoundState.activated
                    row.snapshot_at = utcnow()
                    row.gate = {"gain": GAINS[row.number - 1]}
                    row.after = {"calibration_error_1": 0.2 if row.number < 5 else 0.06}

    def note_stage(self, now: datetime) -> None:
        with self.runtime.database.transaction() as session:
            stage = session.get_one(Dataset, self.scene.dataset_id).stage
        if not self.stage_at or self.stage_at[-1][1] != stage:
            self.stage_at.append((now, stage))

    def freeze(self, frozen: bool) -> None:
        with self.runtime.database.transaction() as session:
            dataset = session.get_one(Dataset, self.scene.dataset_id)
            dataset.policy = {**dataset.policy, "frozen": frozen}

    def _add(self, session: Any, dataset: Dataset, source: MaskSource, **values: Any) -> None:
        self.drawn += 1
        mask_id = uuid.uuid4()
        session.add(
            Mask(
                id=mask_id,
                dataset_id=dataset.id,
                image_id=self.scene.image_ids[self.drawn % 4],  # the fifth is left for stage 3
                rle=dict(rle.encode(disc(0))),
                bbox=[0, 0, 1, 1],
                area=1,
                source=source,
                status=MaskStatus.ACCEPTED,
                stage=dataset.stage,
                review_bucket=0,
                accepted_at=utcnow(),
                **values,
            )
        )


def _shifted(pixels: int) -> dict[str, Any]:
    """Another mask: half of the disc."""
    half = disc(0)
    half[:, : half.shape[1] // 2 + pixels] = False
    return dict(rle.encode(half))


def test_a_month_of_rounds_and_stages(make_scene: Callable[..., Scene], runtime: Runtime) -> None:
    pipeline.install()
    month = Month(runtime, make_scene(train=5, heldout=0, masks=False, policy=POLICY))
    frozen_rounds: set[uuid.UUID] = set()
    for hour in range(0, 30 * 24, 2):
        now = START + timedelta(hours=hour)
        day = hour // 24
        if hour % 24 == 0:
            month.freeze(day in FROZEN_DAYS)
        if now.weekday() < 5 and now.hour in (8, 12, 16, 22):  # somebody works at night, too
            month.work()
        before = set(month.started_at)
        month.schedule_twice(now)
        month.finish_rounds(now)
        month.note_stage(now)
        if day in FROZEN_DAYS:
            frozen_rounds |= set(month.started_at) - before

    with runtime.database.transaction() as session:
        rows = sorted(session.scalars(select(Round)).all(), key=lambda row: row.number)
        changes = sorted(session.scalars(select(StageChange)).all(), key=lambda row: row.number)
        generations = session.scalars(select(Generation)).all()

    # Stage 1 ended because two rounds gained nothing while seconds per mask stayed flat; not by its fourth round.
    assert [(change.from_stage, change.to_stage, str(change.trigger)) for change in changes] == [
        (1, 2, "auto"),
        (2, 3, "auto"),
    ]
    first, second = changes
    assert first.figures["rounds_in_stage"] == 3
    assert first.figures["gains"] == [0.001, 0.004]
    assert "both less than" in first.reason
    assert "no longer falling" in first.reason
    # Stage 2 gained until its last round, and was let go only with good proposals and a calibrated model.
    assert second.figures["rounds_in_stage"] == 5
    assert second.figures["proposals_kept"] == 1.0
    assert second.figures["calibration_error"] == 0.06
    assert {gate["name"] for gate in second.figures["gates"] if not gate["holds"]} <= {"gain", "speed"}
    assert [stage for _, stage in month.stage_at] == [1, 2, 3]

    assert [row.number for row in rows] == list(range(1, 9))
    assert all(row.state == RoundState.activated for row in rows)
    assert all(row.cause["figures"]["new_masks_since_round"] >= 6 for row in rows)
    starts = [month.started_at[row.id] for row in rows]
    assert all(6 <= start.hour < 22 for start in starts)
    assert len(set(starts)) == len(starts)
    assert all((start - START).days not in FROZEN_DAYS for start in starts)
    assert not frozen_rounds
    # The masks of the frozen days were not lost: a round takes them once it may.
    assert any((start - START).days == FROZEN_DAYS.stop for start in starts)
    assert len(generations) == 1
