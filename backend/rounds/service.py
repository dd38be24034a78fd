"""Rounds: starting, stepping, judging, activating, rolling back. Never commits; the training itself is in `tasks`.

A dataset has at most one open round (a partial unique index says so as well). Every step checks the state it starts
from under a row lock, so that a step done twice, or by a worker that was given up, changes nothing.
"""

import uuid
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from backend.accounts import service as users
from backend.annotation import effort
from backend.annotation.models import Mask, MaskSource
from backend.core import events, jobs
from backend.core.db import utcnow
from backend.core.errors import Conflict, Invalid
from backend.core.jobs import Work
from backend.core.software import software_version
from backend.datasets import service as datasets
from backend.datasets.models import Dataset
from backend.registry import service as registry
from backend.registry.models import ModelVersion
from backend.review import service as review
from backend.rounds.gate import GateResult
from backend.rounds.models import OPEN_STATES, Round, RoundMode, RoundState, Trigger
from backend.rounds.schemas import RoundOptions
from backend.rounds.snapshot import Box, Snapshot, SnapshotImage, SnapshotMask, make_snapshot

# Fixed, so that a round's model version has the same id however often the round is run.
_MODEL_IDS = uuid.UUID("5b0f6f6e-52a5-5a1c-9a53-6d61736b6c6d")


def _announce(session: Session, row: Round) -> None:
    session.flush()
    name = "round.updated" if row.state in OPEN_STATES else "round.finished"
    events.emit(
        session,
        name,
        dataset_id=row.dataset_id,
        round_id=row.id,
        number=row.number,
        state=str(row.state),
        error=row.error,
    )


WORK = Work(
    table=Round,
    kind="rounds.run",
    key="round_id",
    open_states=OPEN_STATES,
    missing="There is no round {}. The dataset's rounds page lists those there are.",
    announce=_announce,
)


def list_rounds(session: Session, dataset_id: uuid.UUID) -> Sequence[Round]:
    """The dataset's rounds, newest first."""
    datasets.get_dataset(session, dataset_id)
    return session.scalars(select(Round).where(Round.dataset_id == dataset_id).order_by(Round.number.desc())).all()


def open_round(session: Session, dataset_id: uuid.UUID) -> Round | None:
    """The dataset's round that is not finished, if there is one."""
    return session.scalar(select(Round).where(Round.dataset_id == dataset_id, Round.state.in_(OPEN_STATES)))


def models_in_use() -> Select[uuid.UUID, uuid.UUID]:
    """(dataset id, model id) of the models that unfinished rounds read: the parent, and the child once it is made."""
    model = or_(ModelVersion.id == Round.parent_model_id, ModelVersion.round_id == Round.id)
    return select(Round.dataset_id, ModelVersion.id).join(ModelVersion, model).where(WORK.is_going_on())


def model_id_of(round_id: uuid.UUID) -> uuid.UUID:
    """The id of the model version that a round makes."""
    return uuid.uuid5(_MODEL_IDS, str(round_id))


# -- starting --------------------------------------------------------------------------------------------------------


def start_round(
    session: Session,
    dataset_id: uuid.UUID,
    *,
    mode: RoundMode = RoundMode.auto,
    options: RoundOptions | None = None,
    trigger: Trigger = Trigger.manual,
    reason: str = "started by hand",
    figures: dict[str, object] | None = None,
    user_id: uuid.UUID | None = None,
) -> Round:
    """A new round and its job; `figures` are what the decision was taken on.

    Conflict while another one runs; Invalid, with what is missing, without masks to learn from.
    """
    dataset = lock_dataset(session, dataset_id)
    options = options or RoundOptions()
    if options.minutes is None:
        options = options.model_copy(update={"minutes": dataset.policy["round_minutes"]})
    running = open_round(session, dataset_id)
    if running is not None:
        raise Conflict(
            f"Round {running.number} is still running ({running.state}). Wait for it, or cancel it first.",
            round_id=str(running.id),
        )
    parent = registry.active_model(session, dataset_id)
    if parent is None:
        raise registry.no_model_yet(session)
    counts = mask_counts(session, dataset_id, include_generated=options.include_generated)
    if counts["train"] == 0:
        raise Invalid(_nothing_to_learn(counts))
    sources = learnable_sources(options.include_generated)
    if counts["heldout"] == 0 and review.count_images(session, dataset_id, "train", sources=sources) == 1:
        raise Invalid(
            "All final masks are on one image, and a round needs a second one to be measured on. Annotate another "
            "image, then start the round."
        )
    number = (session.scalar(select(func.max(Round.number)).where(Round.dataset_id == dataset_id)) or 0) + 1
    row = Round(
        dataset_id=dataset_id,
        number=number,
        stage=dataset.stage,
        mode=mode,
        state=RoundState.pending,
        trigger=trigger,
        cause={
            "reason": reason,
            "started_by": users.name_of(session, user_id),
            "masks": mask_counts(session, dataset_id)["train"],
            **{f"masks_{split}": count for split, count in counts.items()},
            **({"figures": figures} if figures else {}),
        },
        settings=options.model_dump(),
        parent_model_id=parent.id,
        created_by=user_id,
    )
    return WORK.start(session, row, f"Round {number} of {dataset.name}")


def lock_dataset(session: Session, dataset_id: uuid.UUID) -> Dataset:
    """The dataset, locked until the end of the transaction: rounds and stages of one dataset change one at a time."""
    dataset = datasets.get_dataset(session, dataset_id)
    session.refresh(dataset, with_for_update=True)
    return dataset


def mask_counts(session: Session, dataset_id: uuid.UUID, *, include_generated: bool = False) -> dict[str, int]:
    """How many final masks a round could learn from (train) and be measured on (heldout)."""
    sources = learnable_sources(include_generated)
    return {
        split: review.count_final_masks(session, dataset_id, split, sources=sources) for split in ("train", "heldout")
    }


def learnable_sources(include_generated: bool) -> list[MaskSource]:
    """Masks that people stand for; those of stage 3, which nobody has looked at, only on request."""
    return [source for source in MaskSource if include_generated or source != MaskSource.GENERATED]


def take_snapshot(session: Session, row: Round) -> Snapshot:
    """The masks the round learns from and is measured on, as they are now."""
    options = RoundOptions.model_validate(row.settings)
    train = review.final_masks(session, row.dataset_id, "train", sources=learnable_sources(options.include_generated))
    # Measured on what people drew: a proposal kept as it was is the parent's own answer, and would flatter it.
    heldout = [
        mask
        for mask in review.final_masks(session, row.dataset_id, "heldout", sources=learnable_sources(False))
        if mask.source != MaskSource.PROPOSAL or mask.edited
    ]
    dropped = effort.dropped_boxes(session, row.dataset_id)
    return make_snapshot(
        str(row.dataset_id), _by_image(train, dropped), _by_image(heldout, {}), max_eval_masks=options.max_eval_masks
    )


def _by_image(masks: Sequence[Mask], dropped: Mapping[uuid.UUID, Sequence[Box]]) -> list[SnapshotImage]:
    groups = groupby(masks, key=lambda mask: mask.image)
    return [
        SnapshotImage(
            image_id=str(image.id),
            sha256=image.sha256,
            height=image.height,
            width=image.width,
            masks=tuple(
                SnapshotMask(str(mask.id), {"size": mask.rle["size"], "counts": mask.rle["counts"]}, _first_click(mask))
                for mask in group
            ),
            dropped=tuple(sorted(dropped.get(image.id, ()))),
        )
        for image, group in groups
    ]


def _first_click(mask: Mask) -> tuple[float, float] | None:
    """Where a person first said "this": of masks that began with a click, not of those the model proposed."""
    first = mask.prompts[0] if mask.prompts and mask.source == MaskSource.MODEL else {}
    return (first["x"], first["y"]) if first.get("type") == "point" and first.get("label") == 1 else None


def _nothing_to_learn(counts: dict[str, int]) -> str:
    if counts["heldout"]:
        return (
            f"All {counts['heldout']} final masks are on held-out images, which a round never learns from. "
            "Annotate some of the other images, then start the round."
        )
    return (
        "This dataset has no final masks to learn from yet. Annotate some images (and review their masks, where the "
        "dataset's policy asks for it), then start the round."
    )


# -- steps of a running round ----------------------------------------------------------------------------------------


def begin(session: Session, round_id: uuid.UUID, job_id: uuid.UUID) -> Round:
    """Called by every attempt of the round's job. A failed or cancelled round whose job was retried is opened again."""
    row = WORK.get(session, round_id, lock=True)
    if row.state in (RoundState.failed, RoundState.cancelled):
        other = open_round(session, row.dataset_id)
        if other is not None:
            raise Conflict(f"Round {other.number} is running now; cancel it before trying round {row.number} again.")
        row.state, row.error, row.finished_at = RoundState.pending, None, None
    if row.state in OPEN_STATES:
        row.job_id = job_id
        row.started_at = row.started_at or utcnow()
        WORK.announce(session, row)
    return row


def step(session: Session, round_id: uuid.UUID, state: RoundState, **values: Any) -> Round:
    """Moves an open round to `state` and keeps what the last step found. A round that is not open is left alone."""
    row = WORK.get(session, round_id, lock=True)
    if row.state in OPEN_STATES:
        row.state = state
        for name, value in values.items():
            setattr(row, name, value)
        WORK.announce(session, row)
    return row


def lineage_of(row: Round, parent: ModelVersion) -> dict[str, Any]:
    """Where a round's child comes from: with the recipe, enough to make it again."""
    return {
        "source": "round",
        "round_id": str(row.id),
        "round_number": row.number,
        "dataset_id": str(row.dataset_id),
        "trigger": str(row.trigger),
        "mode": str(row.mode),
        "mode_reasons": row.cause.get("mode_reasons", []),
        "parent_id": str(parent.id),
        "parent_weights_sha256": parent.weights_sha256,
        "snapshot_sha256": row.snapshot_sha256,
        "snapshot_masks": row.snapshot_masks,
        "snapshot_images": row.snapshot_images,
        "settings": row.settings,
        "software": software_version(),
    }


def conclude(session: Session, round_id: uuid.UUID, gate: GateResult, model_id: uuid.UUID) -> Round:
    """Ends a round: activates its model version if the gate passed, else leaves the parent active."""
    row = WORK.get(session, round_id, lock=True)
    if row.state not in OPEN_STATES:
        return row
    dataset = lock_dataset(session, row.dataset_id)
    figures = gate.to_dict()
    if gate.passed and dataset.active_model_id not in (None, row.parent_model_id, model_id):
        # Somebody activated another model meanwhile; the gate compared with the parent and says nothing about that one.
        figures["passed"] = False
        figures["reason"] = (
            f"{gate.reason} But another model was activated while this round ran, so it was left active."
        )
    row.model_id, row.gate, row.finished_at = model_id, figures, utcnow()
    row.state = RoundState.activated if figures["passed"] else RoundState.rejected
    session.flush()
    if row.state == RoundState.activated:
        registry.activate(session, row.dataset_id, model_id)
    WORK.announce(session, row)
    return row


# -- what people do ---------------------------------------------------------------------------------------------------


def cancel_round(session: Session, round_id: uuid.UUID) -> Round:
    """Stops a round: at once while it waits, at its next step while it runs. The active model stays."""
    row = WORK.get(session, round_id)
    if row.state not in OPEN_STATES or row.job_id is None:
        raise Conflict(f"Round {row.number} is {row.state}; only a round that has not finished can be cancelled.")
    jobs.cancel(session, row.job_id)
    session.flush()
    return WORK.get(session, round_id)


def rollback(session: Session, round_id: uuid.UUID) -> Round:
    """Makes the round's parent the active model again. Conflict unless the round's own model is active."""
    row = WORK.get(session, round_id, lock=True)
    dataset = lock_dataset(session, row.dataset_id)
    if row.model_id is None or dataset.active_model_id != row.model_id:
        raise Conflict(
            f"The model of round {row.number} is not the active one, so there is nothing to roll back. "
            "Activate the model you want on the models page."
        )
    registry.activate(session, row.dataset_id, row.parent_model_id)
    row.gate = {**(row.gate or {}), "rolled_back_at": utcnow().isoformat()}
    WORK.announce(session, row)
    return row


def activate_anyway(session: Session, round_id: uuid.UUID, user_id: uuid.UUID) -> Round:
    """An admin activates the model of a rejected (or rolled back) round; the gate's figures stay on record."""
    row = WORK.get(session, round_id, lock=True)
    if row.model_id is None or row.state in OPEN_STATES:
        raise Conflict(f"Round {row.number} is {row.state} and has no model version to activate.")
    lock_dataset(session, row.dataset_id)
    registry.activate(session, row.dataset_id, row.model_id)
    kept = {name: value for name, value in (row.gate or {}).items() if name != "rolled_back_at"}
    row.gate = {**kept, "overridden_by": str(user_id), "overridden_at": utcnow().isoformat()}
    row.state = RoundState.activated
    WORK.announce(session, row)
    return row
