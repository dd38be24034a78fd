"""Verdicts and the review list as clients see them."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.annotation.schemas import MaskOut
from backend.datasets.schemas import ImageOut
from backend.review.models import Verdict


class VerdictIn(BaseModel):
    """A verdict on a mask. `reason` is required to reject; `revision` guards against a mask that changed meanwhile."""

    verdict: Verdict
    reason: Annotated[str | None, Field(max_length=2000)] = None
    revision: Annotated[int | None, Field(ge=1)] = None


class ReviewItem(BaseModel):
    """A mask to look at, on its image."""

    mask: MaskOut
    image: ImageOut


class ReviewPage(BaseModel):
    """Some masks by id; `next_cursor` is null on the last page."""

    items: list[ReviewItem]
    next_cursor: str | None
