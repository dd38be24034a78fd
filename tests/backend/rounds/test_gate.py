"""The gate's arithmetic on tiny numbers."""

import pytest

from backend.rounds.gate import choose_share, confidence_interval, decide, paired_bootstrap, paired_differences


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


def test_two_images_have_students_interval() -> None:
    # Standard error 0.02, and 12.706 of them at one degree of freedom; the bootstrap would say -0.04 to 0.
    mean, low, high = confidence_interval([-0.04, 0.0])
    assert (mean, low, high) == pytest.approx((-0.02, -0.02 - 0.25412, -0.02 + 0.25412), abs=1e-4)


def test_of_many_images_both_intervals_are_one() -> None:
    values = [0.3, -0.1, 0.05, -0.2] * 25
    _, low, high = confidence_interval(values)
    _, plain_low, plain_high = paired_bootstrap(values)
    assert high - low == pytest.approx(plain_high - plain_low, rel=0.06)


def test_one_image_has_no_interval_but_a_bound() -> None:
    for gain, passed in ((-0.01, True), (-0.03, False)):
        result = decide([gain], num_masks=3, measured_on="1 image", max_drop=0.02)
        assert (result.passed, result.gain, result.ci_low, result.ci_high) == (passed, gain, None, None)
        assert "too little for an interval" in result.reason


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
        ([-0.03, -0.008], True, "does not regress"),
        ([-0.03, -0.02], False, "fell by more"),
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


@pytest.mark.parametrize(
    ("differences", "chosen"), [([0.1], 0.5), ([0.05, 0.01], 0.5), ([0.05, -0.05], 0.8), ([0.005], 0.8), ([-0.3], 0.8)]
)
def test_few_masks_take_over_halfway_only_where_that_is_clearly_better(differences: list[float], chosen: float) -> None:
    choice = choose_share((0.8, 0.5), differences)
    assert choice.chosen == chosen
    assert (choice.gain, choice.num_images) == (pytest.approx(sum(differences) / len(differences)), len(differences))
