"""The gate's arithmetic on tiny numbers."""

import pytest

from backend.rounds.gate import decide, paired_bootstrap, paired_differences


def test_bootstrap_is_deterministic_and_brackets_the_mean() -> None:
    values = [0.1, -0.05, 0.2, 0.0, 0.07]
    mean, low, high = paired_bootstrap(values)
    assert (mean, low, high) == paired_bootstrap(values)
    assert mean == pytest.approx(sum(values) / 5)
    assert min(values) <= low < mean < high <= max(values)


def test_bootstrap_width_matches_the_normal_interval() -> None:
    # 200 values of -1 and +1: standard error of the mean 1/sqrt(200), 95 % interval about +-1.96 of those.
    _, low, high = paired_bootstrap([-1.0, 1.0] * 100)
    assert high - low == pytest.approx(2 * 1.96 / 200**0.5, rel=0.05)


def test_bootstrap_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        paired_bootstrap([])


def test_differences_pair_images_and_average_clicks() -> None:
    before = {"a": {"1": 0.5, "5": 0.7}, "b": {"1": 0.4, "5": 0.6}, "only-before": {"1": 1.0, "5": 1.0}}
    after = {"b": {"1": 0.4, "5": 0.8}, "a": {"1": 0.6, "5": 0.7}}
    assert paired_differences(before, after) == pytest.approx([0.05, 0.1])


@pytest.mark.parametrize(
    ("differences", "passed", "word"),
    [
        ([0.1] * 10, True, "better"),
        ([0.1, -0.1] * 5, True, "does not regress"),
        ([-0.01] * 10, False, "worse"),
        ([-0.2, 0.1] * 5, False, "fell by more"),
        ([], False, "nothing to measure"),
        ([0.0], True, "few images"),
    ],
)
def test_decisions(differences: list[float], passed: bool, word: str) -> None:
    result = decide(differences, num_masks=30, measured_on="the masks", max_drop=0.02)
    assert result.passed is passed
    assert word in result.reason
    assert (result.gain is None) == (not differences)
    assert set(result.to_dict()) >= {"passed", "reason", "gain", "ci_low", "ci_high"}
