"""The stage machine on a real database: gates, history, the scheduler, and two of it at once."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from backend.core.jobs import Job
from backend.core.runtime import Runtime
from backend.datasets.models import DEFAULT_POLICY
from backend.generation.models import Generation
from backend.rounds import service, stages
from backend.rounds.models import Round, RoundState, StageChange
from tests.backend.conftest import Scene, add_disc

# No bar but masks and rounds.
EAGER = {
    **DEFAULT_POLICY,
    "min_new_masks": 3,
    "max_rounds_stage1": 1,
    "max_rounds_stage2": 1,
    "min_proposals_kept": 0.0,
    "max_calibration_error": 1.0,
}


def finish_round(runtime: Runtime, dataset_id: uuid.UUID, gain: float = 0.1) -> Round:
    """A round that was run to its verdict, without the work."""
    with runtime.database.transaction() as session:
        row = service.open_round(session, dataset_id) or service.start_round(session, dataset_id)
        row.state = RoundState.rejected
        row.gate = {"gain": gain}
        return row


def schedule(runtime: Runtime) -> None:
    with runtime.database.transaction() as session:
        stages.schedule(session)


def count(runtime: Runtime, table: Any) -> int:
    with runtime.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_gates_explain_themselves(login: Any, make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(train=2, heldout=1, policy=EAGER)
    answer = login("annotator").get(f"/api/datasets/{scene.dataset_id}/stages")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["stage"], body["next_stage"], body["ready"], body["history"]) == (1, 2, False, [])
    gates = {gate["name"]: gate for gate in body["gates"]}
    assert gates["masks"] | {"explanation": ""} == {
        "name": "masks", "value": 2, "threshold": 3, "holds": False, "explanation": ""
    }  # fmt: skip
    assert "2 final masks" in body["reason"]


def test_admin_overrides_with_a_reason(login: Any, make_scene: Callable[..., Scene], runtime: Runtime) -> None:
    scene = make_scene(train=1, heldout=0, policy=EAGER)
    admin = login("admin")
    url = f"/api/datasets/{scene.dataset_id}/stage"
    body = admin.post(url, json={"stage": 2, "reason": "the masks are good"}).json()
    (change,) = body["history"]
    assert (change["from"], change["to"], change["trigger"], change["reason"]) == (1, 2, "manual", "the masks are good")
    assert change["user_id"] == str(admin.user_id)
    assert change["figures"]["masks"] == 1
    assert change["figures"]["gates"]
    assert admin.post(url, json={"stage": 2, "reason": "again"}).status_code == 409
    assert admin.post(url, json={"stage": 4, "reason": "more"}).status_code == 422
    assert admin.post(url, json={"stage": 3}).status_code == 422
    assert login("reviewer").post(url, json={"stage": 1, "reason": "no"}).status_code == 403
    back = admin.post(url, json={"stage": 1, "reason": "one more pass"}).json()
    assert [(c["from"], c["to"]) for c in back["history"]] == [(2, 1), (1, 2)]
    assert admin.post(url, json={"stage": 3, "reason": "done"}).json()["next_stage"] is None
    assert count(runtime, Generation) == 1


def test_scheduler_turns_the_loop_once(make_scene: Callable[..., Scene], runtime: Runtime) -> None:
    scene = make_scene(train=4, heldout=1, policy=EAGER)
    schedule(runtime)
    schedule(runtime)
    with runtime.database.transaction() as session:
        (row,) = service.list_rounds(session, scene.dataset_id)
        assert (row.trigger, row.mode, row.stage, row.cause["masks"]) == ("auto", "auto", 1, 4)
        assert "4 new masks" in row.cause["reason"]
        assert row.cause["figures"]["new_masks_since_round"] == 4
    finish_round(runtime, scene.dataset_id)
    schedule(runtime)
    schedule(runtime)
    with runtime.database.transaction() as session:
        body = stages.describe(session, scene.dataset_id)
        assert body.stage == 2
        (change,) = body.history
        assert (change.trigger, change.user_id) == ("auto", None)
        assert len(service.list_rounds(session, scene.dataset_id)) == 1
        for seed, image_id in enumerate(scene.image_ids[:3]):
            add_disc(session, image_id, seed, smaller=2)
    schedule(runtime)
    finish_round(runtime, scene.dataset_id)
    schedule(runtime)
    schedule(runtime)
    with runtime.database.transaction() as session:
        assert [(c.from_, c.to) for c in stages.describe(session, scene.dataset_id).history] == [(2, 3), (1, 2)]
    assert count(runtime, Generation) == 1


@pytest.mark.parametrize("change", [{"frozen": True}, {"auto_rounds": False, "auto_stages": False}])
def test_nothing_happens_by_itself_when_switched_off(
    make_scene: Callable[..., Scene], runtime: Runtime, change: dict[str, bool]
) -> None:
    scene = make_scene(train=4, heldout=0, policy={**EAGER, **change})
    schedule(runtime)
    assert count(runtime, Round) == 0
    finish_round(runtime, scene.dataset_id)
    schedule(runtime)
    assert count(runtime, StageChange) == 0


def test_a_failed_round_is_not_started_again_on_the_same_masks(
    make_scene: Callable[..., Scene], runtime: Runtime
) -> None:
    scene = make_scene(train=4, heldout=0, policy=EAGER)
    schedule(runtime)
    with runtime.database.transaction() as session:
        (row,) = session.scalars(select(Round)).all()
        row.state = RoundState.failed
    schedule(runtime)
    assert count(runtime, Round) == 1
    with runtime.database.transaction() as session:
        for seed in range(3):
            add_disc(session, scene.image_ids[seed], seed, smaller=2)
    schedule(runtime)
    assert count(runtime, Round) == 2


def test_two_schedulers_at_once_do_everything_once(make_scene: Callable[..., Scene], runtime: Runtime) -> None:
    scene = make_scene(train=4, heldout=0, policy=EAGER)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: schedule(runtime), range(8)))
    assert count(runtime, Round) == 1
    finish_round(runtime, scene.dataset_id)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: schedule(runtime), range(8)))
    assert count(runtime, StageChange) == 1
    assert count(runtime, Round) == 1
    with runtime.database.transaction() as session:
        kinds = session.scalars(select(Job.kind).where(Job.kind == service.WORK.kind)).all()
    assert len(kinds) == 1
