"""Tables of the registry: model versions and embeddings.

An embedding belongs to a triple (image sha256, detail, encoder sha256), never to a model version or a dataset:
versions that share an encoder share embeddings, and so do datasets that share an image. Where nothing else is said it
is that of the whole image; those of its details are made when a page first asks for them.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.columns import stored_enum
from backend.core.db import Base, TimestampMixin, uuid7
from engine.geometry import WHOLE


class EmbeddingState(StrEnum):
    """pending: wanted, maybe being computed; ready: stored; failed: the image cannot be embedded, `error` says why."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class ModelVersion(TimestampMixin, Base):
    """One set of weights with its two ONNX graphs. Rows never change, except `metrics`: a new round makes a new row."""

    __tablename__ = "model_versions"
    __table_args__ = (
        # The packaged model is registered once, however many processes start together.
        Index("uq_model_versions_builtin", "builtin", unique=True, postgresql_where=text("builtin")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    builtin: Mapped[bool] = mapped_column(default=False)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("model_versions.id", ondelete="SET NULL"), index=True
    )
    # No foreign key: rounds stand above the registry and point here themselves.
    round_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    encoder_sha256: Mapped[str] = mapped_column(index=True)
    decoder_sha256: Mapped[str]
    image_size: Mapped[int]
    embed_dim: Mapped[int]
    grid: Mapped[int]
    weights_key: Mapped[str]
    prepare_key: Mapped[str]
    decode_key: Mapped[str]
    weights_sha256: Mapped[str]
    prepare_sha256: Mapped[str]
    decode_sha256: Mapped[str]
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    lineage: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Embedding(TimestampMixin, Base):
    """The state of one embedding file.

    While pending, `claimed_by` (a job) and `claimed_until` say who computes it: the claim is a lease, so several
    workers share a dataset and a killed one leaves nothing stuck.
    """

    __tablename__ = "embeddings"
    __table_args__ = (UniqueConstraint("image_sha256", "encoder_sha256", "detail"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    image_sha256: Mapped[str]
    encoder_sha256: Mapped[str] = mapped_column(index=True)
    # The key of an `engine.geometry.Detail`.
    detail: Mapped[str] = mapped_column(default=WHOLE.key, server_default=WHOLE.key)
    state: Mapped[EmbeddingState] = mapped_column(stored_enum(EmbeddingState), default=EmbeddingState.PENDING)
    storage_key: Mapped[str | None]
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    content_sha256: Mapped[str | None]
    error: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    claimed_by: Mapped[uuid.UUID | None]
    claimed_until: Mapped[datetime | None]
    # Set when a page asked for it and found nothing: those go first.
    wanted_at: Mapped[datetime | None]
