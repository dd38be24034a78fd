"""Batches made ahead: in order, no more than wanted, and a maker's error reaches the step."""

import pytest

from engine.train.ahead import made_ahead


def test_batches_come_in_order_and_end_where_told() -> None:
    shares: list[float] = []
    made = made_ahead(
        lambda step: step * step, first=3, last=7, loaders=3, finished=lambda: False, note_waiting=shares.append
    )
    assert [next(made) for _ in range(4)] == [9, 16, 25, 36]
    assert len(shares) == 3
    assert all(0 <= share <= 1 for share in shares)
    made.close()  # type: ignore[attr-defined]


def test_nothing_is_made_once_the_run_is_finished() -> None:
    asked: list[int] = []
    seen: list[int] = []

    def make(step: int) -> int:
        asked.append(step)
        return step

    batches = made_ahead(
        make, first=0, last=None, loaders=2, finished=lambda: len(seen) >= 5, note_waiting=lambda _: None
    )
    seen.extend(batches)
    assert seen == [0, 1, 2, 3, 4]
    assert max(asked) <= 7


def test_a_makers_error_reaches_the_step_that_needs_it() -> None:
    def make(step: int) -> int:
        if step == 2:
            raise ValueError("no such image")
        return step

    made = made_ahead(make, first=0, last=None, loaders=2, finished=lambda: False, note_waiting=lambda _: None)
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ValueError, match="no such image"):
        next(made)
