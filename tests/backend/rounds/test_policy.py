"""The stage machine's rules on plain figures."""

from dataclasses import replace

import pytest

from backend.rounds.models import RoundMode
from backend.rounds.policy import Figures, Policy, mode_for, round_due, stage_verdict

POLICY = Policy(
    min_new_masks=50,
    max_rounds_stage1=6,
    max_rounds_stage2=5,
    min_gain=0.01,
    min_speedup=0.05,
    min_proposals_kept=0.9,
    proposal_window=100,
    max_calibration_error=0.1,
    quiet_from=0,
    quiet_until=0,
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
    gains=(),
    seconds_per_mask=(),
    proposals_seen=0,
    proposals_kept=None,
    calibration_error=None,
    round_running=False,
    hour=12,
)
FLAT = {"gains": (0.001, 0.009), "seconds_per_mask": (20.0, 20.5)}
TRUSTED = {"proposals_seen": 100, "proposals_kept": 0.93, "calibration_error": 0.04}


@pytest.mark.parametrize(
    ("change", "ready"),
    [
        ({}, False),
        ({"masks": 60}, False),
        ({"masks": 60, "rounds_in_stage": 2, **FLAT}, True),
        ({"masks": 60, "rounds_in_stage": 1, **FLAT, "gains": (0.001,)}, False),
        ({"masks": 60, "rounds_in_stage": 2, **FLAT, "gains": (0.001, 0.05)}, False),
        ({"masks": 60, "rounds_in_stage": 2, **FLAT, "gains": (0.05, 0.001)}, False),
        ({"masks": 60, "rounds_in_stage": 2, **FLAT, "seconds_per_mask": (20.0, 25.0)}, False),
        ({"masks": 60, "rounds_in_stage": 2, **FLAT, "seconds_per_mask": (20.0, None)}, False),
        ({"masks": 60, "rounds_in_stage": 2, **FLAT, "seconds_per_mask": (25.0, 20.0)}, True),
        ({"masks": 60, "rounds_in_stage": 6, "gains": (0.05, 0.05)}, True),
        ({"masks": 40, "rounds_in_stage": 6, **FLAT}, False),
        ({"masks": 60, "masks_at_stage_start": 20, "rounds_in_stage": 6}, False),
        ({"masks": 60, "rounds_in_stage": 6, "round_running": True}, False),
        ({"stage": 2, "masks": 60, "rounds_in_stage": 5}, False),
        ({"stage": 2, "masks": 60, "rounds_in_stage": 5, **TRUSTED}, True),
        ({"stage": 2, "masks": 60, "rounds_in_stage": 2, **FLAT, **TRUSTED}, True),
        ({"stage": 2, "masks": 60, "rounds_in_stage": 2, **TRUSTED}, False),
        ({"stage": 2, "masks": 60, "rounds_in_stage": 5, **TRUSTED, "proposals_kept": 0.89}, False),
        ({"stage": 2, "masks": 60, "rounds_in_stage": 5, **TRUSTED, "proposals_seen": 99}, False),
        ({"stage": 2, "masks": 60, "rounds_in_stage": 5, **TRUSTED, "calibration_error": 0.11}, False),
    ],
)
def test_ready_for_the_next_stage(change: dict[str, object], ready: bool) -> None:
    figures = replace(FIGURES, **change)  # type: ignore[arg-type]
    verdict = stage_verdict(figures, POLICY)
    assert verdict.ready is ready
    assert verdict.automatic is ready
    assert verdict.target == figures.stage + 1
    assert verdict.reason
    trust = ["proposals", "calibration"] if figures.stage == 2 else []
    assert [gate.name for gate in verdict.gates] == ["masks", "rounds", "gain", "speed", *trust, "idle"]
    assert all(gate.explanation for gate in verdict.gates)


def test_bars_that_ask_for_nothing_always_hold() -> None:
    figures = replace(FIGURES, stage=2, masks=60, rounds_in_stage=5)
    assert stage_verdict(figures, replace(POLICY, min_proposals_kept=0.0, max_calibration_error=1.0)).ready


def test_what_is_missing_is_said() -> None:
    figures = replace(FIGURES, stage=2, masks=60, rounds_in_stage=5, proposals_seen=100, proposals_kept=0.5)
    reason = stage_verdict(figures, POLICY).reason
    assert "50%" in reason
    assert "is not measured yet" in reason


@pytest.mark.parametrize(
    ("span", "quiet"),
    [((0, 0), []), ((9, 11), [9, 10]), ((22, 2), [0, 1, 22, 23]), ((23, 0), [23])],
)
def test_quiet_hours_may_span_midnight(span: tuple[int, int], quiet: list[int]) -> None:
    policy = replace(POLICY, quiet_from=span[0], quiet_until=span[1])
    assert [hour for hour in range(24) if policy.is_quiet(hour)] == quiet
    due = [hour for hour in range(24) if round_due(replace(FIGURES, masks=50, hour=hour), policy)[0]]
    assert due == [hour for hour in range(24) if hour not in quiet]


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


@pytest.mark.parametrize(
    ("encoder", "device", "mode"),
    [
        ("conv", "cpu", RoundMode.full),
        ("conv", "cuda", RoundMode.full),
        ("vit", "cpu", RoundMode.decoder),
        ("vit", "cuda", RoundMode.full),
    ],
)
def test_the_whole_model_is_trained_where_that_takes_minutes(encoder: str, device: str, mode: RoundMode) -> None:
    chosen, reason = mode_for(encoder, device)
    assert chosen is mode
    assert reason.startswith("The whole model" if mode is RoundMode.full else "The decoder alone")
