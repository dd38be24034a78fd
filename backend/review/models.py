"""The table of reviews: every verdict that was given, kept for good."""

import uuid
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.columns import stored_enum
from backend.core.db import Base, TimestampMixin, uuid7


class Verdict(StrEnum):
    """What a reviewer says of a mask."""

    APPROVE = "approve"
    REJECT = "reject"


class Review(TimestampMixin, Base):
    """One verdict on one revision of a mask."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_dataset_id_created_at", "dataset_id", "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    mask_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("masks.id", ondelete="CASCADE"), index=True)
    revision: Mapped[int]
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    verdict: Mapped[Verdict] = mapped_column(stored_enum(Verdict))
    reason: Mapped[str | None]
