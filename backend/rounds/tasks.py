"""The job of a round, and the clock of the stage machine. Here, and only here, this feature meets torch.

A round is a list of steps: snapshot -> train -> measure parent and child -> gate -> register -> embed, where the
encoder is new -> activate or reject. Each step leaves its result behind (in the round's row, in the storage, or in the
job's scratch folder) and is skipped when that is there; so a worker killed at any point is followed by one that goes on
from the last finished step, and in the middle of training from the last checkpoint.
"""

import copy
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Any

from sqlalchemy.orm import Session

from backend.core.db import utcnow
from backend.core.errors import Invalid
from backend.core.jobs import JobContext, handler, periodic
from backend.datasets import service as datasets
from backend.registry import service as registry
from backend.registry.models import ModelVersion
from backend.registry.tasks import embed_images, loaded_model, package_model
from backend.rounds import service, stages
from backend.rounds.gate import (
    GATE_CLICKS,
    GateResult,
    ShareChoice,
    choose_share,
    decide,
    paired_differences,
    summary,
    without_images,
)
from backend.rounds.models import OPEN_STATES, Round, RoundMode, RoundState
from backend.rounds.policy import mode_for
from backend.rounds.progress import RoundProgress
from backend.rounds.samples import Embedded, Embeddings, Pixels
from backend.rounds.schemas import RoundOptions
from backend.rounds.snapshot import Snapshot, content_sha256
from engine.evaluate.clicks import EmbeddedSample, EvaluationSample, evaluate
from engine.model.checkpoint import load_model, model_metadata, save_model
from engine.model.sam import Sam
from engine.train.embedding_batches import RoundSample
from engine.train.rounds import (
    DETECTOR,
    Pace,
    RoundSettings,
    pace_of,
    train_decoder_round,
    train_full_round,
)

CHECKPOINT_EVERY_S = 15.0
GATE_NOC = (0.85,)


@periodic("rounds.schedule", every_s=60.0)
def schedule(session: Session) -> None:
    """Every dataset's policy: rounds and stages that are due."""
    stages.schedule(session)


@handler(service.WORK.kind, queue="train")
def run_round(ctx: JobContext) -> dict[str, Any]:
    """Runs a round to its verdict."""
    round_id = uuid.UUID(ctx.payload["round_id"])
    with ctx.transaction() as session:
        row = service.begin(session, round_id, ctx.job_id)
        parent = registry.get_model(session, row.parent_model_id)
    if row.state not in OPEN_STATES:
        return {"note": f"Round {row.number} had finished before: {row.state}."}
    run = _RoundRun(ctx, row, parent)
    run.choose_mode()
    run.take_snapshot()
    run.train()
    run.measure()
    gate = run.judge()
    model_id = run.register(gate)
    if gate.passed:
        run.embed_ahead(model_id)
    ctx.check()
    with ctx.transaction() as session:
        row = service.conclude(session, round_id, gate, model_id)
    run.told.concluded(str(row.gate["reason"]) if row.gate else "")
    return {"state": str(row.state), "model_id": str(model_id), "gain": gate.gain}


class _RoundRun:
    """One attempt at a round; every method is a step that may have been done by an attempt before."""

    def __init__(self, ctx: JobContext, row: Round, parent: ModelVersion) -> None:
        self.ctx = ctx
        self.row = row
        self.parent = parent
        self.options = RoundOptions.model_validate(row.settings)
        self.child_path = ctx.workdir / "child.safetensors"
        self.training_dir = ctx.workdir / "training"
        self.detector: dict[str, float] | None = None
        self.share: ShareChoice | None = None
        self.told = RoundProgress(ctx.progress)

    def choose_mode(self) -> None:
        """Where nobody chose: whoever trains knows on what, so a worker that takes the round over chooses again."""
        reasons = self.row.cause.get("mode_reasons", [])
        if (self.row.mode != RoundMode.auto and not reasons) or self._is_trained():
            return
        model = loaded_model(self.ctx.storage, self.parent)
        mode, reason = mode_for(model.config.encoder.kind, model.device.type)
        if mode == self.row.mode:
            return
        cause = {**self.row.cause, "mode_reasons": [*reasons, reason]}
        with self.ctx.transaction() as session:
            # The two modes measure the parent by different ways, so an earlier figure does not compare.
            self.row = service.step(
                session, self.row.id, RoundState(self.row.state), mode=mode, cause=cause, before=None
            )

    def _is_trained(self) -> bool:
        """Whether an earlier attempt made the child: its weights lie in the scratch folder, or are registered."""
        if self.child_path.is_file():
            return True
        with self.ctx.transaction() as session:
            return session.get(ModelVersion, service.model_id_of(self.row.id)) is not None

    # -- snapshot --

    def take_snapshot(self) -> None:
        """Freezes the masks, once; the file is content-addressed and written before the row names it."""
        if self.row.snapshot_sha256 is None:
            self.told.collecting()
            with self.ctx.transaction() as session:
                service.step(session, self.row.id, RoundState.snapshot)
                snapshot = service.take_snapshot(session, self.row)
                data = snapshot.to_json()
                sha256 = content_sha256(data)
                self.ctx.storage.put_bytes(_snapshot_key(sha256), data)
                self.row = service.step(
                    session,
                    self.row.id,
                    RoundState.training,
                    snapshot_sha256=sha256,
                    snapshot_masks=snapshot.num_train_masks,
                    snapshot_images=len(snapshot.train),
                    snapshot_at=utcnow(),
                )
        else:
            data = self.ctx.storage.read_bytes(_snapshot_key(self.row.snapshot_sha256))
            if content_sha256(data) != self.row.snapshot_sha256:
                raise Invalid("The snapshot of this round was damaged in the storage. Start a new round.")
        self.snapshot = Snapshot.from_json(data)
        if not self.snapshot.train:
            raise Invalid(
                "Every mask this round could learn from is gone. Annotate some images, then start a new round."
            )
        self.told.collected(self.snapshot.num_train_masks, len(self.snapshot.train))

    # -- training --

    def train(self) -> None:
        """Leaves the child's weights, as they will be stored, in the scratch folder."""
        if self._is_trained():
            return
        self._enter(RoundState.training)
        model = self._parent_model()
        rest = (self._settings(), self.training_dir, self._training_progress, self.ctx.should_stop)
        if self.row.mode == RoundMode.full:
            child = train_full_round(model, Pixels(self.ctx.storage, self.snapshot.train), *rest, self._choose_share)
        else:
            child = train_decoder_round(model, self._embedded(model), *rest)
        self.ctx.check()
        lineage = {**service.lineage_of(self.row, self.parent), "recipe": self._recipe()}
        lineage |= {"detector": self.detector} if self.detector else {}
        save_model(child, self.child_path, lineage, dtype="float16")
        # Whatever an earlier attempt measured was another child: its scratch folder is gone.
        with self.ctx.transaction() as session:
            self.row = service.step(session, self.row.id, RoundState.training, after=None)

    def _choose_share(self, shares: Sequence[float], mean: Callable[[float], Sam]) -> float:
        """By the held-out masks that the gate asks too; careful where there are none."""
        if not self.snapshot.heldout:
            return shares[0]
        per_image = []
        for share in shares:
            tell = self._checked(partial(self.told.comparing, share))
            report = evaluate(mean(share), self._heldout, GATE_CLICKS, box=False, noc=(), min_area=1, progress=tell)
            per_image.append(summary(report)["per_image"])
        self.share = choose_share(shares, paired_differences(*per_image))
        return self.share.chosen

    def _checked(self, tell: Callable[[int, int], None]) -> Callable[[int, int], None]:
        """`tell`, and the round ends there if somebody cancelled it."""

        def progress(done: int, total: int) -> None:
            self.ctx.check()
            tell(done, total)

        return progress

    def _embedded(self, model: Sam) -> list[RoundSample]:
        files, samples = Embeddings(self.ctx, self.parent, model), []
        for number, image in enumerate(self.snapshot.train):
            self.ctx.check()
            self.told.reading(number, len(self.snapshot.train))
            samples.append(files.to_learn_from(image))
        return samples

    @cached_property
    def _pace(self) -> Pace:
        config = loaded_model(self.ctx.storage, self.parent).config
        return pace_of("full" if self.row.mode == RoundMode.full else "decoder", config)

    def _settings(self) -> RoundSettings:
        """What the options come to; what nobody chose is as the pace says."""
        names = ("seed", "max_steps", "epochs", "minutes", "learning_rate", "num_images", "num_masks")
        chosen = {name: getattr(self.options, name) for name in names}
        steps = self.options.detector_steps
        detector = replace(DETECTOR, seed=self.options.seed, max_steps=steps) if steps else None
        settings = RoundSettings(**chosen, detector=detector, checkpoint_every_s=CHECKPOINT_EVERY_S)
        return settings.settled(self.snapshot.num_train_masks, self._pace)

    def _parent_model(self) -> Sam:
        """The parent's weights; of a decoder round on the CPU, where that goes the same way every time."""
        model = loaded_model(self.ctx.storage, self.parent)
        stays = model.device.type == "cpu" or self.row.mode == RoundMode.full
        return model if stays else copy.deepcopy(model).cpu()

    def _training_progress(self, done: int, total: int, figures: Mapping[str, float]) -> None:
        if "detector_loss" in figures:
            self.detector = {"steps": figures["step"], "loss": figures["detector_loss"]}
        self.told.training(done, total, figures)

    # -- measuring --

    def measure(self) -> None:
        """The parent's and the child's figures on the same masks, each kept as soon as it is known."""
        if not self.snapshot.heldout:
            return
        self._enter(RoundState.evaluating)
        parent = self._parent_model()
        if self.row.before is None:
            report = self._report(parent, self.told.measuring_parent)
            with self.ctx.transaction() as session:
                self.row = service.step(session, self.row.id, RoundState.evaluating, before=report)
        if self.row.after is None:
            report = self._report(load_model(self.child_path, parent.device), self.told.measuring_child)
            with self.ctx.transaction() as session:
                self.row = service.step(session, self.row.id, RoundState.evaluating, after=report)

    @cached_property
    def _heldout(self) -> Pixels:
        return Pixels(self.ctx.storage, self.snapshot.heldout)

    def _report(self, model: Sam, tell: Callable[[int, int], None]) -> dict[str, Any]:
        # A full round changes the encoder, so both models are measured from the pixels.
        samples: Sequence[EvaluationSample | EmbeddedSample] = self._heldout
        if self.row.mode == RoundMode.decoder:
            samples = Embedded(Embeddings(self.ctx, self.parent, model), self.snapshot.heldout)
        return summary(evaluate(model, samples, GATE_CLICKS, noc=GATE_NOC, min_area=1, progress=self._checked(tell)))

    # -- verdict --

    def judge(self) -> GateResult:
        """The gate's decision, from the stored figures alone."""
        before, after = self.row.before or {}, self.row.after or {}
        differences = paired_differences(before.get("per_image", {}), after.get("per_image", {}))
        return decide(
            differences,
            num_masks=self.snapshot.num_heldout_masks,
            measured_on=self.snapshot.describe_heldout(),
            max_drop=self.options.max_drop,
            confidence=self.options.confidence,
        )

    def register(self, gate: GateResult) -> uuid.UUID:
        """Packages and registers the child, under an id made from the round's: run twice, it is still one version."""
        model_id = service.model_id_of(self.row.id)
        with self.ctx.transaction() as session:
            if session.get(ModelVersion, model_id) is not None:
                return model_id
            name = f"{datasets.get_dataset(session, self.row.dataset_id).name}, round {self.row.number}"
        self.told.packaging()
        lineage = {
            # As it was trained, perhaps by another version of this software, before this one took the round up.
            **model_metadata(self.child_path)["metadata"],
            "before": without_images(self.row.before),
            "gate": gate.to_dict(),
        }
        files = package_model(load_model(self.child_path), self.ctx.workdir / "model", lineage)
        self.ctx.check()
        metrics = without_images(self.row.after)
        with self.ctx.transaction() as session:
            registry.register_model(
                session,
                self.ctx.storage,
                files,
                name=name,
                model_id=model_id,
                parent_id=self.parent.id,
                round_id=self.row.id,
                # Not in the weights, which may be given away: who it was stays in this house.
                lineage=lineage | {"started_by": self.row.cause.get("started_by")},
                metrics=metrics,
            )
        self.told.stored(name)
        return model_id

    def embed_ahead(self, model_id: uuid.UUID) -> None:
        """Embeds the dataset with a new encoder while the old one still serves, those first that people get next; what
        as much time as training had is not enough for follows after the activation.
        """
        if self.row.mode == RoundMode.decoder:
            return
        minutes = self.row.settings["minutes"]
        embed_images(self.ctx, self.row.dataset_id, model_id, self.told.embedding, minutes=minutes)

    def _recipe(self) -> dict[str, Any]:
        """What the settings came to, those nobody chooses included; of `steps` `minutes` may have left some undone."""
        settings, pace = self._settings(), self._pace
        named = {name: getattr(pace, name) for name in ("encoder_lr", "frozen_layers")}
        recipe = {**asdict(settings), **named, "steps": settings.max_steps}
        return recipe | ({"old_share": self.share.chosen, "share": asdict(self.share)} if self.share else {})

    def _enter(self, state: RoundState) -> None:
        with self.ctx.transaction() as session:
            self.row = service.step(session, self.row.id, state)


def _snapshot_key(sha256: str) -> str:
    return f"snapshots/{sha256}.json"
