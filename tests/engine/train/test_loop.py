"""The training loop: learning, resuming after a kill, repeating itself, refusing nonsense."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import TrainingError
from engine.model.config import PRESETS, ModelConfig
from engine.model.sam import Sam, build_model
from engine.train.augment import NO_AUGMENTATION, AugmentSettings
from engine.train.batches import Batch, BatchSize, ImageBatches, MixedSource, part_of
from engine.train.checkpoint import average_of
from engine.train.clicks import Script
from engine.train.data import Sample
from engine.train.interaction import InteractionSettings, grid_of, interact
from engine.train.loop import Phase, TrainSettings, learning_rate, train
from engine.train.start import start_decoder

SMALL = (Phase(until=1.0, batch=BatchSize(32, 3, 2)),)


def image_batches(scenes: list[Sample], augment: AugmentSettings | None = None) -> ImageBatches:
    return ImageBatches(scenes, frame=64, patch_size=16, augment=augment or AugmentSettings())


def settings(**changes) -> TrainSettings:
    values = {"max_steps": 6, "bf16": False, "phases": SMALL, "warmup_steps": 2, "checkpoint_every_s": 1e9}
    return TrainSettings(**(values | changes))


def same_weights(first: Sam, second: Sam) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path
) -> None:
    whole = train(settings(), build_model(tiny_conv_config), image_batches(scenes), tmp_path / "whole")
    steps: list[int] = []
    stopped = train(
        settings(),
        build_model(tiny_conv_config),
        image_batches(scenes),
        tmp_path / "parts",
        lambda done, _total, _figures: steps.append(done),
        lambda: len(steps) == 3,
    )
    assert not stopped.finished
    assert stopped.steps == 3
    # The process is gone; new objects, other first weights and another global random state.
    torch.manual_seed(99)
    resumed = train(
        settings(),
        build_model(tiny_conv_config, seed=5),
        image_batches(scenes),
        tmp_path / "parts",
        lambda done, _total, _figures: steps.append(done),
    )
    assert steps == [1, 2, 3, 4, 5, 6]
    assert resumed.finished
    assert same_weights(whole.model, resumed.model)


def test_a_kill_between_checkpoints_repeats_the_steps_since(
    scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path
) -> None:
    class KilledError(Exception):
        pass

    def die_at_4(done: int, _total: int, _figures: dict[str, float]) -> None:
        if done == 4:
            raise KilledError

    whole = train(settings(), build_model(tiny_conv_config), image_batches(scenes), tmp_path / "whole")
    with pytest.raises(KilledError):
        train(
            settings(checkpoint_every_s=0.0),
            build_model(tiny_conv_config),
            image_batches(scenes),
            tmp_path / "killed",
            die_at_4,
        )
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["last.pt"]
    resumed = train(settings(), build_model(tiny_conv_config, seed=5), image_batches(scenes), tmp_path / "killed")
    assert same_weights(whole.model, resumed.model)


def test_the_seed_decides_the_run(scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path) -> None:
    runs = [
        train(
            settings(max_steps=2, seed=seed),
            build_model(tiny_conv_config),
            image_batches(scenes),
            tmp_path / str(number),
        ).model
        for number, seed in enumerate([0, 0, 1])
    ]
    assert same_weights(runs[0], runs[1])
    assert not same_weights(runs[0], runs[2])


def test_training_lowers_the_loss(scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path) -> None:
    model = build_model(tiny_conv_config)
    start_decoder(model)
    losses: list[float] = []
    phases = (Phase(until=1.0, batch=BatchSize(64, 3, 3), interaction=InteractionSettings(length_weights=(1.0,))),)
    result = train(
        settings(max_steps=24, learning_rate=3e-3, phases=phases),
        model,
        image_batches(scenes, NO_AUGMENTATION),
        tmp_path,
        lambda _done, _total, figures: losses.append(figures["loss"]),
    )
    assert losses[-1] < 0.8 * losses[0]
    assert not result.model.training
    assert result.figures["step"] == 24
    for name, value in average_of(tmp_path / "last.pt").items():
        assert torch.equal(value, result.model.state_dict()[name])


def test_the_first_lesson_leaves_the_transformer_alone(
    scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path
) -> None:
    model = build_model(tiny_conv_config)
    start_decoder(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    losses: list[float] = []
    interaction = InteractionSettings(focal_weight=1.0)
    phases = (Phase(until=1.0, batch=BatchSize(64, 3, 6), interaction=interaction, lesson="prototypes"),)
    train(
        settings(max_steps=24, learning_rate=3e-3, phases=phases, ema_decay=0.0),
        model,
        image_batches(scenes, NO_AUGMENTATION),
        tmp_path,
        lambda _done, _total, figures: losses.append(figures["loss"]),
    )
    assert losses[-1] < losses[0]
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert not [name for name in changed if name.startswith("mask_decoder.transformer")]
    assert any(name.startswith("image_encoder") for name in changed)
    assert any(name.startswith("mask_decoder.output_upscaling") for name in changed)


def test_a_fresh_decoder_begins_by_comparing_places() -> None:
    model = build_model(PRESETS["maskloom-s"])
    start_decoder(model)
    matrix = model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    assert torch.equal((matrix != 0).sum(dim=0), torch.ones(matrix.shape[1], dtype=torch.int64))
    layer = model.mask_decoder.transformer.layers[0].cross_attn_image_to_token
    cells, place = model.prompt_encoder.dense_pe(), model.prompt_encoder.pe_layer(torch.tensor([[0.75, 0.25]]))
    scores = layer.q_proj(cells).view(len(cells), layer.num_heads, -1) * layer.k_proj(place).view(layer.num_heads, -1)
    near, side = scores.sum(dim=-1)[:, 0::2].sum(dim=1), scores.sum(dim=-1)[:, 1]
    grid = model.config.grid
    row, column = divmod(int(near.argmax()), grid)
    assert abs(row - grid // 4) <= 1
    assert abs(column - 3 * grid // 4) <= 1
    assert side.view(grid, grid)[grid // 4, -1] > side.view(grid, grid)[grid // 4, grid // 2]


def test_threads_share_a_batch(scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path) -> None:
    # Two images a thread: batch norm needs more than one value a channel at this size.
    phases = (Phase(until=1.0, batch=BatchSize(32, 4, 2)),)
    result = train(
        settings(shards=2, max_steps=3, phases=phases), build_model(tiny_conv_config), image_batches(scenes), tmp_path
    )
    assert result.steps == 3
    assert np.isfinite(result.figures["loss"])


def test_batches_made_ahead_in_threads_keep_their_order(
    scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path
) -> None:
    runs = [
        train(settings(loaders=loaders), build_model(tiny_conv_config), image_batches(scenes), tmp_path / str(loaders))
        for loaders in (1, 4)
    ]
    assert same_weights(runs[0].model, runs[1].model)


def test_a_step_that_waits_for_its_batch_is_told(
    scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path
) -> None:
    class Slow:
        def __init__(self, seconds: float) -> None:
            self.seconds = seconds
            self.made = image_batches(scenes).batch(0, 0, SMALL[0].batch)

        def batch(self, _seed: int, _step: int, _size: BatchSize, _places: range | None = None) -> Batch:
            time.sleep(self.seconds)
            return self.made

    waiting = [
        train(settings(), build_model(tiny_conv_config), Slow(seconds), tmp_path / str(seconds)).figures["waiting"]
        for seconds in (0.0, 0.5)
    ]
    assert 0 <= waiting[0] < waiting[1] < 1


def test_places_of_a_batch_are_the_same_images_alone(scenes: list[Sample]) -> None:
    source, size = image_batches(scenes), BatchSize(32, 5, 2)
    whole = source.batch(1, 2, size)
    parts = [source.batch(1, 2, size, places) for places in part_of(5, 3)]
    assert [part.first for part in parts] == [0, 1, 3]
    assert torch.equal(torch.cat([part.inputs for part in parts]), whole.inputs)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)
    assert torch.equal(torch.cat([part.image_index + part.first for part in parts]), whole.image_index)
    assert {part.offset for part in parts} == {whole.offset}
    assert len(source.batch(1, 2, size, range(5, 5)).inputs) == 0
    assert not torch.equal(source.batch(1, 3, size).inputs, whole.inputs)


def test_splitting_a_batch_keeps_masks_with_their_images() -> None:
    batch = Batch(
        inputs=torch.arange(3.0).view(3, 1, 1, 1),
        embedded=True,
        targets=torch.tensor([0.0, 0.0, 1.0, 2.0]).view(4, 1, 1),
        image_index=torch.tensor([0, 0, 1, 2]),
        nothing=torch.tensor([False, True, True, False]),
        clicks=torch.arange(8.0).view(4, 2),
        offset=(0, 0),
    )
    parts = batch.split(2)
    assert [(len(part.inputs), part.first) for part in parts] == [(1, 0), (2, 1)]
    for part in parts:
        assert torch.equal(part.inputs.flatten()[part.image_index], part.targets.flatten())
    assert len(batch.split(9)) == 3
    assert batch.split(9)[2].split(2)[0].first == 2


def test_a_time_budget_ends_the_run_and_its_schedule(
    scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path
) -> None:
    rates: list[float] = []
    result = train(
        settings(max_steps=None, minutes=0.02),
        build_model(tiny_conv_config),
        image_batches(scenes),
        tmp_path,
        lambda _done, _total, figures: rates.append(figures["learning_rate"]),
    )
    assert result.finished
    assert result.elapsed_s >= 1.2
    assert rates[-1] <= max(rates)


def test_the_learning_rate_warms_up_and_falls() -> None:
    plan = settings(learning_rate=1.0, warmup_steps=10, final_lr=0.1)
    assert learning_rate(plan, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(plan, 9, 0.0) == pytest.approx(1.0)
    assert learning_rate(plan, 99, 0.5) == pytest.approx(0.55)
    assert learning_rate(plan, 99, 1.0) == pytest.approx(0.1)


def test_crops_are_answered_as_the_window_they_are(tiny_conv_model: Sam) -> None:
    """A crop at an offset, and the same prompt in the full frame, meet the same positional encoding."""
    targets = torch.zeros(1, 8, 8)
    targets[0, 2:6, 2:6] = 1
    results = []
    for offset in ((0, 0), (0, 0), (2, 1)):
        batch = Batch(
            inputs=torch.zeros(1, 32, 2, 2),
            embedded=True,
            targets=targets,
            image_index=torch.tensor([0]),
            nothing=torch.tensor([False]),
            clicks=torch.full((1, 2), torch.nan),
            offset=offset,
        )
        with grid_of(tiny_conv_model, 2):
            made = interact(
                tiny_conv_model,
                batch.inputs,
                targets,
                batch.image_index,
                Script.write(0, 0, batch, (1.0,)),
                InteractionSettings(length_weights=(1.0,)),
                offset=offset,
            )
        results.append(float(made.loss.detach()))
    assert results[0] == results[1] != results[2]
    assert tiny_conv_model.mask_decoder.grid == 4


def test_mixed_sources_draw_by_weight(scenes: list[Sample]) -> None:
    mixed = MixedSource([scenes[:2], scenes[2:]], [3, 1])
    assert len(mixed) == len(scenes)
    assert mixed[2] is scenes[2]
    assert mixed.probabilities[:2].sum() == pytest.approx(0.75)


def test_nonsense_is_refused_in_a_sentence(scenes: list[Sample], tiny_conv_config: ModelConfig, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no image with masks"):
        image_batches([])
    with pytest.raises(TrainingError, match="needs an end"):
        TrainSettings()
    with pytest.raises(TrainingError, match="rising order"):
        TrainSettings(max_steps=1, phases=(Phase(until=0.5, batch=BatchSize(32, 1, 1)),))
    model = build_model(tiny_conv_config)
    train(settings(max_steps=1), model, image_batches(scenes), tmp_path)
    with pytest.raises(TrainingError, match="other settings"):
        train(settings(max_steps=1, learning_rate=1.0), model, image_batches(scenes), tmp_path)
    (tmp_path / "last.pt").write_bytes(b"broken")
    with pytest.raises(TrainingError, match="cannot be continued"):
        train(settings(max_steps=1), model, image_batches(scenes), tmp_path)


def test_masks_too_small_to_learn_are_refused() -> None:
    dot = np.zeros((40, 40), bool)
    dot[0, 0] = True
    from engine.train.data import sample_from_masks

    batches = image_batches([sample_from_masks("dot", np.zeros((40, 40, 3), np.uint8), [dot])], NO_AUGMENTATION)
    with pytest.raises(TrainingError, match="too small"):
        batches.batch(0, 0, BatchSize(32, 1, 1))
