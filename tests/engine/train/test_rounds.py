"""Rounds on cached embeddings and on images."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.errors import FormatError, TrainingError
from engine.masks import rle
from engine.model.detector import build_detector
from engine.model.fingerprint import decoder_sha256, encoder_sha256
from engine.model.sam import Sam
from engine.train import rounds
from engine.train.batches import BatchSize
from engine.train.data import Sample
from engine.train.detector import DetectorTraining
from engine.train.embedding_batches import EmbeddingBatches, RoundSample
from engine.train.rates import encoder_layer
from engine.train.recipe import small_side
from engine.train.rounds import (
    PACES,
    Pace,
    RoundSettings,
    train_decoder_round,
    train_full_round,
)
from tests.engine.train.conftest import embedding_bytes, round_samples

QUICK = RoundSettings(max_steps=4, minutes=None, num_images=2, num_masks=3, detector=None)
WITH_DETECTOR = replace(QUICK, detector=DetectorTraining(max_steps=3))


def test_a_decoder_round_changes_the_decoder_alone(tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path) -> None:
    samples = round_samples(tiny_conv_model, scenes)
    before = decoder_sha256(tiny_conv_model)
    trained = train_decoder_round(tiny_conv_model, samples, QUICK, tmp_path)
    assert encoder_sha256(trained) == encoder_sha256(tiny_conv_model)
    assert decoder_sha256(trained) != before
    assert decoder_sha256(tiny_conv_model) == before
    assert not trained.training
    assert all(parameter.requires_grad for parameter in trained.parameters())


def test_a_round_goes_on_after_a_kill_and_takes_files(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    samples = []
    for number, sample in enumerate(scenes):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(embedding_bytes(tiny_conv_model, sample))
        samples.append(RoundSample(path, sample.size, sample.rles))
    whole = train_decoder_round(tiny_conv_model, samples, QUICK, tmp_path / "whole")
    done: list[int] = []
    train_decoder_round(
        tiny_conv_model, samples, QUICK, tmp_path / "parts", lambda d, _t, _f: done.append(d), lambda: len(done) == 2
    )
    resumed = train_decoder_round(tiny_conv_model, samples, QUICK, tmp_path / "parts", lambda d, _t, _f: done.append(d))
    assert done == [1, 2, 3, 4]
    assert decoder_sha256(resumed) == decoder_sha256(whole)


@pytest.mark.parametrize("left", ["damaged", "of other settings"])
def test_a_checkpoint_that_is_of_no_use_is_not_gone_on_from(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path, left: str
) -> None:
    samples = round_samples(tiny_conv_model, scenes)
    whole = train_decoder_round(tiny_conv_model, samples, QUICK, tmp_path / "whole")
    folder = tmp_path / "parts"
    folder.mkdir()
    if left == "damaged":
        (folder / "last.pt").write_bytes(b"broken")
    else:
        train_decoder_round(tiny_conv_model, samples, replace(QUICK, ema_decay=0.5), folder)
    done: list[int] = []
    anew = train_decoder_round(tiny_conv_model, samples, QUICK, folder, lambda d, _t, _f: done.append(d))
    assert done == [1, 2, 3, 4]
    assert decoder_sha256(anew) == decoder_sha256(whole)


def same_detector(first: Sam, second: Sam) -> bool:
    assert first.detector is not None
    assert second.detector is not None
    ours, theirs = first.detector.state_dict(), second.detector.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_round_trains_the_detector_it_finds_or_a_fresh_one(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    samples = round_samples(tiny_conv_model, scenes)
    first = train_decoder_round(tiny_conv_model, samples, WITH_DETECTOR, tmp_path / "first")
    assert tiny_conv_model.detector is None
    fresh = tiny_conv_model
    fresh.detector = build_detector(fresh.config)
    assert not same_detector(first, fresh)
    plain = train_decoder_round(fresh, samples, QUICK, tmp_path / "plain")
    assert same_detector(plain, fresh), "without settings it is left alone"
    assert decoder_sha256(plain) == decoder_sha256(first), "and it changes nothing of the decoder's training"
    second = train_decoder_round(first, samples, WITH_DETECTOR, tmp_path / "second")
    assert encoder_sha256(second) == encoder_sha256(first)
    assert not same_detector(second, first)
    assert not second.training


def test_a_round_killed_while_the_detector_learns_ends_the_same(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    samples = round_samples(tiny_conv_model, scenes)
    whole = train_decoder_round(tiny_conv_model, samples, WITH_DETECTOR, tmp_path / "whole")
    told: list[dict[str, float]] = []
    train_decoder_round(
        tiny_conv_model, samples, WITH_DETECTOR, tmp_path / "parts", lambda _d, _t, f: told.append(f),
        lambda: len(told) == 6,
    )  # fmt: skip
    assert ["detector_loss" in figures for figures in told] == [False] * 4 + [True] * 2
    resumed = train_decoder_round(tiny_conv_model, samples, WITH_DETECTOR, tmp_path / "parts")
    assert decoder_sha256(resumed) == decoder_sha256(whole)
    assert same_detector(resumed, whole)


def test_a_round_stopped_early_leaves_the_detector_alone(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    tiny_conv_model.detector = build_detector(tiny_conv_model.config)
    done: list[int] = []
    stopped = train_decoder_round(
        tiny_conv_model, round_samples(tiny_conv_model, scenes), WITH_DETECTOR, tmp_path,
        lambda d, _t, _f: done.append(d), lambda: len(done) == 2,
    )  # fmt: skip
    assert same_detector(stopped, tiny_conv_model)


def test_a_full_round_teaches_the_detector_the_new_encoder(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    tiny_conv_model.detector = build_detector(tiny_conv_model.config)
    trained = train_full_round(tiny_conv_model, scenes, WITH_DETECTOR, tmp_path / "with")
    assert not same_detector(trained, tiny_conv_model)
    without = train_full_round(tiny_conv_model, scenes, QUICK, tmp_path / "without")
    assert without.detector is None, "it would read an embedding that it does not know"


def test_a_share_of_every_step_is_replayed(tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path) -> None:
    encoder = encoder_sha256(tiny_conv_model)
    new, old = round_samples(tiny_conv_model, scenes[:3]), round_samples(tiny_conv_model, scenes[3:])
    source = EmbeddingBatches(new, encoder, 64, replay=old, num_replayed=2)
    assert source.num_masks == EmbeddingBatches(new, encoder, 64).num_masks
    alone = [EmbeddingBatches([sample], encoder, 64).batch(0, 0, BatchSize(64, 1, 1)).inputs[0] for sample in old]
    for step in range(5):
        batch = source.batch(1, step, BatchSize(64, 4, 3))
        is_old = [any(torch.equal(image, other) for other in alone) for image in batch.inputs]
        assert is_old == [False, False, True, True]
    settings = replace(QUICK, replay=0.5, replay_scenes=2)
    plain = decoder_sha256(train_decoder_round(tiny_conv_model, new, QUICK, tmp_path / "plain"))
    mixed = decoder_sha256(train_decoder_round(tiny_conv_model, new, settings, tmp_path / "mixed"))
    assert mixed != plain
    full = train_full_round(tiny_conv_model, scenes, settings, tmp_path / "full")
    assert encoder_sha256(full) != encoder


def test_a_full_round_trains_the_encoder_but_not_its_statistics(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    trained = train_full_round(tiny_conv_model, scenes, QUICK, tmp_path).state_dict()
    same = {name for name, value in tiny_conv_model.state_dict().items() if torch.equal(trained[name], value)}
    statistics = {name for name in trained if "running" in name}
    assert statistics
    assert statistics <= same
    first = {
        name
        for name in trained
        if name.startswith("image_encoder.") and encoder_layer(name) in range(PACES["conv"].frozen_layers)
    }
    assert first <= same, "what is nearest to the pixels stays as it is"
    assert "image_encoder.stages.3.0.depthwise.conv.weight" not in same
    assert "image_encoder.neck.0.weight" not in same


def test_a_full_round_looks_at_crops_of_half_the_frame(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    sides = []
    tiny_conv_model.image_encoder.register_forward_pre_hook(lambda _, inputs: sides.append(inputs[0].shape[-1]))
    train_full_round(tiny_conv_model, scenes, QUICK, tmp_path / "crops")
    assert set(sides) == {tiny_conv_model.config.image_size // 2}
    sides.clear()
    train_full_round(tiny_conv_model, scenes, WITH_DETECTOR, tmp_path / "with")
    assert sides[-1] == tiny_conv_model.config.image_size, "the detector learns from whole images"


def test_a_full_round_ends_between_the_old_weights_and_the_new(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    few = train_full_round(tiny_conv_model, scenes, QUICK, tmp_path).state_dict()
    again = train_full_round(tiny_conv_model, scenes, QUICK, tmp_path).state_dict()
    assert all(torch.equal(few[name], again[name]) for name in few), "mixed once, however often it is taken up"
    mixed, new = (
        train_full_round(tiny_conv_model, scenes, replace(QUICK, old_share=share), tmp_path).state_dict()
        for share in (0.5, 0.0)
    )
    name = "mask_decoder.iou_token.weight"
    old = tiny_conv_model.state_dict()[name]
    assert not torch.equal(new[name], old)
    assert mixed[name] == pytest.approx((new[name] + old) / 2, abs=1e-7)
    part = sum(len(scene.rles) for scene in scenes)
    assert few[name] == pytest.approx(old + (new[name] - old) * part / (100 + part), abs=1e-7)


@pytest.mark.parametrize("mode", ["decoder", "full"])
def test_the_detector_learns_from_what_was_thrown_away(
    mode: str, tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    boxes = ((1.0, 1.0, 30.0, 30.0),)

    def detector(dropped: tuple[tuple[float, float, float, float], ...], name: str) -> Tensor:
        if mode == "full":
            samples = [replace(scene, dropped=dropped) for scene in scenes]
            trained = train_full_round(tiny_conv_model, samples, WITH_DETECTOR, tmp_path / name)
        else:
            embedded = [replace(sample, dropped=dropped) for sample in round_samples(tiny_conv_model, scenes)]
            trained = train_decoder_round(tiny_conv_model, embedded, WITH_DETECTOR, tmp_path / name)
        assert trained.detector is not None
        return trained.detector.answer.weight

    assert not torch.equal(detector(boxes, "some"), detector((), "none"))


def test_boxes_that_were_thrown_away_are_learned_in_the_models_frame(
    tiny_conv_model: Sam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = tiny_conv_model.config.image_size
    mask = np.zeros((side, 2 * side), bool)  # shown at half its size
    mask[8:40, 8:40] = True
    image = np.zeros((side, 2 * side, 3), np.uint8)
    sample = Sample("wide", image, (rle.encode(mask),), dropped=((40.0, 10.0, 60.0, 20.0),))
    shown: list[np.ndarray] = []
    monkeypatch.setattr(rounds, "train_detector", lambda _, examples, *rest: shown.extend(e.dropped for e in examples))
    train_full_round(tiny_conv_model, [sample], WITH_DETECTOR, tmp_path)
    assert [boxes.tolist() for boxes in shown] == [[[20, 5, 30, 10]]]


def test_a_detector_takes_over_the_less_the_less_people_said(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @torch.no_grad()
    def learn(detector: torch.nn.Module, *_: object) -> None:
        for parameter in detector.parameters():
            parameter += 1

    monkeypatch.setattr(rounds, "train_detector", learn)
    first = train_full_round(tiny_conv_model, scenes, WITH_DETECTOR, tmp_path / "first")
    fresh = build_detector(tiny_conv_model.config, seed=0)
    assert first.detector is not None
    assert torch.equal(first.detector.answer.weight, fresh.answer.weight + 1), "of a fresh one there is nothing to keep"
    samples = [replace(scene, dropped=((1.0, 1.0, 9.0, 9.0),)) for scene in scenes]
    second = train_full_round(first, samples, WITH_DETECTOR, tmp_path / "second")
    assert second.detector is not None
    said = sum(len(scene.rles) + 1 for scene in scenes)
    gained = (second.detector.answer.weight - first.detector.answer.weight).detach()
    assert gained.numpy() == pytest.approx(said / (100 + said), abs=1e-5)


def test_who_measures_may_take_more_of_the_new_weights_than_few_masks_allow(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    shown: list[tuple[float, Tensor]] = []
    name = "mask_decoder.iou_token.weight"

    def bold(shares: Sequence[float], mean: Callable[[float], Sam]) -> float:
        shown.extend((share, mean(share).state_dict()[name]) for share in shares)
        return shares[1]

    chosen = train_full_round(tiny_conv_model, scenes, QUICK, tmp_path, choose_share=bold).state_dict()[name]
    few = sum(len(scene.rles) for scene in scenes)
    assert [share for share, _ in shown] == [PACES["conv"].old_share_for(few), 0.5]
    assert torch.equal(chosen, shown[1][1])
    assert not torch.equal(chosen, shown[0][1])
    shown.clear()
    train_full_round(tiny_conv_model, scenes, replace(QUICK, old_share=0.5), tmp_path, choose_share=bold)
    assert not shown, "nothing to choose from where there are masks enough"


def test_the_fewer_the_masks_the_less_is_taken_over() -> None:
    shares = [PACES["conv"].old_share_for(num_masks) for num_masks in (0, 25, 100, 5000)]
    assert shares == [1.0, 0.8, 0.5, 0.5]
    assert PACES["decoder"].old_share_for(3) == 0.0
    assert RoundSettings(old_share=0.1).settled(25, PACES["conv"]).old_share == 0.1


def test_a_full_round_learns_from_small_objects_where_there_are_no_others(tiny_conv_model: Sam, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), bool)
    mask[30:34, 30:34] = True  # one low_res cell
    sample = Sample("small", np.full((64, 64, 3), 90, np.uint8), (rle.encode(mask),))
    trained = train_full_round(tiny_conv_model, [sample], QUICK, tmp_path)
    assert encoder_sha256(trained) != encoder_sha256(tiny_conv_model)


def test_a_transformer_learns_from_whole_frames(golden_model: Sam, scenes: list[Sample], tmp_path: Path) -> None:
    assert small_side(golden_model.config) == golden_model.config.image_size
    before = encoder_sha256(golden_model)
    trained = train_full_round(golden_model, scenes, QUICK, tmp_path)
    assert encoder_sha256(trained) != before


def test_each_kind_of_round_has_its_rate(tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path) -> None:
    rates: dict[str, float] = {}

    def note(mode: str) -> Callable[[int, int, dict[str, float]], None]:
        return lambda _done, _total, figures: rates.update({mode: max(rates.get(mode, 0), figures["learning_rate"])})

    samples = round_samples(tiny_conv_model, scenes)
    train_decoder_round(tiny_conv_model, samples, QUICK, tmp_path / "decoder", note("decoder"))
    train_full_round(tiny_conv_model, scenes, QUICK, tmp_path / "full", note("full"))
    assert rates == pytest.approx({"decoder": PACES["decoder"].learning_rate, "full": PACES["conv"].learning_rate})
    train_full_round(tiny_conv_model, scenes, replace(QUICK, learning_rate=3e-4), tmp_path / "own", note("own"))
    assert rates["own"] == pytest.approx(3e-4)


def test_rounds_on_nothing_or_on_foreign_embeddings_are_refused(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no mask to train on"):
        train_decoder_round(tiny_conv_model, [], QUICK, tmp_path)
    samples = round_samples(tiny_conv_model, scenes)
    with torch.no_grad():
        next(tiny_conv_model.image_encoder.parameters()).add_(1.0)
    with pytest.raises(TrainingError, match="embed the images with this model first"):
        train_decoder_round(tiny_conv_model, samples, QUICK, tmp_path)


def test_a_mask_that_does_not_fit_its_image_is_refused(
    tiny_conv_model: Sam, scenes: list[Sample], tmp_path: Path
) -> None:
    content = embedding_bytes(tiny_conv_model, scenes[0])
    with pytest.raises(FormatError, match="its image is"):
        train_decoder_round(tiny_conv_model, [RoundSample(content, (10, 10), scenes[0].rles)], QUICK, tmp_path)


def test_the_number_of_steps_follows_the_number_of_masks() -> None:
    plan, pace = RoundSettings(), Pace(1e-4, steps=(60, 240))
    assert plan.steps_for(10, pace) == 60
    assert 60 < plan.steps_for(800, pace) < 240
    assert plan.steps_for(100_000, pace) == 240
    assert RoundSettings(max_steps=7).steps_for(800, pace) == 7
    half = RoundSettings(replay=0.5).steps_for(400, pace)
    assert half == plan.steps_for(800, pace), "every new mask is looked at as often"
    assert RoundSettings(num_images=1, replay=0.9).num_replayed == 0
