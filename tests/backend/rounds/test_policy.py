"""The stage machine's rules on plain figures."""

from dataclasses import replace

import pytest

from backend.rounds.policy import Figures, Policy, round_due, stage_verdict

POLICY = Policy(
    min_new_masks=50,
    max_rounds_stage1=6,
    max_rounds_stage2=5,
    min_gain=0.01,
    auto_rounds=True,
    auto_stages=True,
    frozen=False,
)
FIGURES = Figures(
    stage=1,
    masks=0,
    masks_at_stage_start=0,
    masks_at_last_round=0,
    rounds_in_stage=0,
    last_gain=None,
    round_running=False,
)


@pytest.mark.parametrize(
    ("change", "ready"),
    [
        ({}, False),
        ({"masks": 60}, False),
        ({"masks": 60, "rounds_in_stage": 1, "last_gain": 0.05}, False),
        ({"masks": 60, "rounds_in_stage": 1, "last_gain": 0.001}, True),
        ({"masks": 60, "rounds_in_stage": 6, "last_gain": 0.05}, True),
        ({"masks": 40, "rounds_in_stage": 6, "last_gain": 0.001}, False),
        ({"masks": 60, "masks_at_stage_start": 20, "rounds_in_stage": 6}, False),
        ({"masks": 60, "rounds_in_stage": 6, "round_running": True}, False),
        ({"stage": 2, "masks": 60, "rounds_in_stage": 5}, True),
    ],
)
def test_ready_for_the_next_stage(change: dict[str, object], ready: bool) -> None:
    figures = replace(FIGURES, **change)  # type: ignore[arg-type]
    verdict = stage_verdict(figures, POLICY)
    assert verdict.ready is ready
    assert verdict.automatic is ready
    assert verdict.target == figures.stage + 1
    assert verdict.reason
    assert {gate.name for gate in verdict.gates} == {"masks", "rounds", "gain", "idle"}


def test_stage_three_is_the_last() -> None:
    verdict = stage_verdict(replace(FIGURES, stage=3, masks=1000), POLICY)
    assert (verdict.target, verdict.ready, verdict.gates) == (None, False, ())


@pytest.mark.parametrize("change", [{"auto_stages": False}, {"frozen": True}])
def test_a_frozen_or_manual_dataset_never_moves_by_itself(change: dict[str, bool]) -> None:
    figures = replace(FIGURES, masks=60, rounds_in_stage=6)
    verdict = stage_verdict(figures, replace(POLICY, **change))
    assert verdict.ready
    assert not verdict.automatic


@pytest.mark.parametrize(
    ("figures", "policy", "due"),
    [
        ({"masks": 50}, {}, True),
        ({"masks": 49}, {}, False),
        ({"masks": 80, "masks_at_last_round": 40}, {}, False),
        ({"masks": 90, "masks_at_last_round": 40}, {}, True),
        ({"masks": 50, "round_running": True}, {}, False),
        ({"masks": 50}, {"auto_rounds": False}, False),
        ({"masks": 50}, {"frozen": True}, False),
        ({"masks": 500, "rounds_in_stage": 6}, {}, False),
        ({"masks": 500, "stage": 3}, {}, False),
        ({"masks": 0}, {"min_new_masks": 0}, False),
    ],
)
def test_round_due(figures: dict[str, object], policy: dict[str, object], due: bool) -> None:
    answer, reason = round_due(replace(FIGURES, **figures), replace(POLICY, **policy))  # type: ignore[arg-type]
    assert answer is due
    assert reason
