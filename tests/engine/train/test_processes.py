"""A batch split over parts, threads and real processes trains as one; a process that is killed leaves no trace."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.train.loop import train
from tests.engine.train.worker import batches, new_model, run_settings

ROOT = Path(__file__).parents[3]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]


def start(out: Path, *launcher: str, **changes: Any) -> subprocess.Popen[str]:
    out.mkdir(exist_ok=True)
    command = [*launcher, "tests.engine.train.worker", str(out), json.dumps(changes)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_two(out: Path, **changes: Any) -> list[dict[str, Any]]:
    """The outcome of two processes that train together."""
    process = start(out, *TORCHRUN, **changes)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return [torch.load(out / f"rank{rank}.pt") for rank in range(2)]


def largest_difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    assert first.keys() == second.keys()
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


def without_noise(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All weights but those whose gradient is nothing but rounding, which Adam scales up to whole steps.

    A key's bias adds the same to all scores of a query, and softmax takes it out again.
    """
    return {name: value for name, value in weights.items() if not name.endswith(".k_proj.bias")}


@pytest.mark.parametrize("split", [{"accumulate": 2}, {"accumulate": 9}, {"shards": 2}, {"accumulate": 2, "shards": 2}])
def test_parts_of_a_batch_have_the_gradient_of_the_whole(
    tmp_path: Path, split: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[torch.Tensor]] = []

    def note(parameters: list[torch.Tensor], _max_norm: float) -> None:
        seen.append([parameter.grad.clone() for parameter in parameters if parameter.grad is not None])

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", note)
    losses = []
    for number, how in enumerate(({}, split)):
        settings = run_settings(freeze_batchnorm=True, max_steps=1, **how)
        losses.append(train(settings, new_model(), batches(), tmp_path / str(number)).figures["loss"])
    whole, parts = (torch.cat([gradient.flatten() for gradient in gradients]) for gradients in seen)
    assert 0 < float((whole - parts).norm()) < 1e-6 * float(whole.norm())
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    frozen = {"freeze_batchnorm": True, "ema_decay": 0.0, "learning_rate": 2e-4}
    alone = train(run_settings(**frozen), new_model(), batches(), tmp_path / "alone")
    first, second = run_two(tmp_path / "two", **frozen)
    assert largest_difference(first["weights"], second["weights"]) == 0
    assert largest_difference(without_noise(first["weights"]), without_noise(alone.model.state_dict())) < 1e-6
    assert largest_difference(first["weights"], new_model().state_dict()) > 1e-4
    for name in ("loss", "first_iou", "last_iou"):
        assert first["facts"]["figures"][name] == second["facts"]["figures"][name]
        assert first["facts"]["figures"][name] == pytest.approx(alone.figures[name], rel=1e-5)


def test_processes_stop_together_and_one_goes_on_alone(tmp_path: Path) -> None:
    # Of unfrozen batch norm each process sees its own part, so there is no run alone to compare with.
    out = tmp_path / "run"
    outcomes = run_two(out, stop=True, max_steps=1000, checkpoint_every_s=0.0)
    assert [outcome["facts"]["finished"] for outcome in outcomes] == [False, False]
    steps = outcomes[0]["facts"]["steps"]
    assert 1 <= steps == outcomes[1]["facts"]["steps"] < 1000
    assert largest_difference(outcomes[0]["weights"], outcomes[1]["weights"]) == 0
    left = torch.load(out / "last.pt")
    assert left["step"] == steps
    told: list[int] = []
    train(
        run_settings(max_steps=1000), new_model(seed=5), batches(), out, lambda done, _t, _f: told.append(done),
        lambda: len(told) == 2,
    )  # fmt: skip
    assert told == [steps + 1, steps + 2]


@pytest.mark.parametrize("bf16", [False, True])
def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path, bf16: bool) -> None:
    settings = run_settings(max_steps=12, bf16=bf16)
    whole = train(settings, new_model(), batches(), tmp_path / "whole")
    process = start(tmp_path / "killed", sys.executable, "-m", max_steps=12, bf16=bf16, checkpoint_every_s=0.05)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 4 and (tmp_path / "killed" / "last.pt").exists():
            process.send_signal(signal.SIGKILL)
            break
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    reached = torch.load(tmp_path / "killed" / "last.pt")["step"]
    assert 0 < reached < 12
    told: list[int] = []
    resumed = train(settings, new_model(seed=5), batches(), tmp_path / "killed", lambda done, _t, _f: told.append(done))
    assert told == list(range(reached + 1, 13))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name
