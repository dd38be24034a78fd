"""One run of the embedding job: claim a few images, embed them together, store each by itself, again.

Knows no torch: the encoder is given. Who computes which image is in `claims`.
"""

import logging
import math
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image as Pictures
from sqlalchemy.exc import SQLAlchemyError

from backend.core import events
from backend.core.errors import DomainError, NotFound
from backend.core.jobs import JobCancelled, JobContext, JobInterrupted, JobLost
from backend.datasets.files import read_rgb
from backend.registry import claims, embeddings, service
from backend.registry.claims import Claim
from backend.registry.models import ModelVersion
from engine.errors import EngineError
from engine.geometry import WHOLE, Detail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

# Pixels of encoder input per step: four images at 768, two at 1024, so that memory stays flat.
BATCH_PIXELS = 4 * 768 * 768
# From this many images waiting on, a second worker is called to help.
HELP_FROM = 32
# This many images in a row on which the encoder itself fails: it is not the images.
MAX_SURPRISES = 3


class Picture(NamedTuple):
    """An image as uint8 RGB (h, w, 3), or what `detail` is of it."""

    image_sha256: str
    rgb: "NDArray[np.uint8]"
    detail: Detail = WHOLE


Encode = Callable[[ModelVersion, Sequence[Picture]], list[bytes]]
"""Pictures -> their embedding files."""


class EmbedRun:
    """`encode` does what the model version does; `minutes` end the run early, `wanted_only` as in `claims.claim`."""

    def __init__(
        self,
        ctx: JobContext,
        dataset_id: uuid.UUID,
        model_id: uuid.UUID,
        encode: Encode,
        *,
        wanted_only: bool,
        minutes: float,
    ) -> None:
        self.ctx = ctx
        self.dataset_id = dataset_id
        self.wanted_only = wanted_only
        self.minutes = minutes
        self.embedded = 0
        self.failed = 0
        self.whole = 0
        self.surprises = 0
        self._encode = encode
        with ctx.transaction() as session:
            self.model = service.get_model(session, model_id)
            self.encoder_sha256 = self.model.encoder_sha256
            state = embeddings.progress(session, self.dataset_id, self.encoder_sha256)
            # Who ends after some time must not leave others behind that do not.
            may_be_helped = not wanted_only and minutes == math.inf
            if state.total - state.done > HELP_FROM and may_be_helped:
                # One more job waits for a free worker; a worker that finds nothing left ends at once.
                embeddings.enqueue(session, self.dataset_id, self.model)
        self.batch = max(1, BATCH_PIXELS // self.model.image_size**2)

    def run(self, tell: Callable[[int, int, str], None]) -> dict[str, Any]:
        """To the end, giving back what was claimed where it does not come to that; the job's result."""
        try:
            self._loop(tell, time.monotonic() + 60 * self.minutes)
        except JobLost:
            raise
        except (JobCancelled, JobInterrupted):
            self._give_back(tried=False)
            raise
        except Exception:
            self._give_back(tried=True)
            raise
        return {"embedded": self.embedded, "failed": self.failed}

    def _loop(self, tell: Callable[[int, int, str], None], end: float) -> None:
        """Until nothing is left to claim, or the clock says `end`."""
        while time.monotonic() < end and (taken := self._claim()):
            images = self._read(taken)
            if images:
                self._embed(images)
            with self.ctx.transaction() as session:
                state = embeddings.progress(session, self.dataset_id, self.encoder_sha256)
            tell(state.done, state.total, str(state))
            self.ctx.check()
        self._finish()

    def _give_back(self, *, tried: bool) -> None:
        """Leaves what was claimed to other jobs. Best effort: what cannot be given back now runs out."""
        try:
            with self.ctx.transaction() as session:
                claims.release(session, self.ctx.job_id, tried=tried)
        except (JobLost, SQLAlchemyError) as error:
            logger.warning("job %s keeps its claims until they run out: %s", self.ctx.job_id, error)

    def _claim(self) -> list[Claim]:
        with self.ctx.transaction() as session:
            return claims.claim(
                session,
                self.ctx.job_id,
                self.dataset_id,
                self.encoder_sha256,
                self.batch,
                wanted_only=self.wanted_only,
            )

    def _read(self, taken: list[Claim]) -> "list[tuple[Claim, NDArray[np.uint8]]]":
        images = []
        for claim in taken:
            try:
                rgb = read_rgb(self.ctx.storage, claim.image_sha256)
                left, top, right, bottom = claim.detail.box(rgb.shape[:2])
                images.append((claim, rgb[top:bottom, left:right]))
            except NotFound:
                self._fail(claim, "its file is missing in the storage.")
            except (OSError, SyntaxError, ValueError, EOFError, Pictures.DecompressionBombError) as error:
                self._fail(claim, f"its file cannot be decoded ({error}).")
        return images

    def _embed(self, images: "list[tuple[Claim, NDArray[np.uint8]]]") -> None:
        """Together; one by one if that fails, so that one image's trouble stays its own."""
        try:
            files = self._encode(self.model, [Picture(one.image_sha256, rgb, one.detail) for one, rgb in images])
        except Exception as error:
            if len(images) > 1:
                for image in images:
                    self._embed([image])
                return
            self._surprise(images[0][0], error)
            return
        self.surprises = 0
        for (claim, _), data in zip(images, files, strict=True):
            self.store(claim, data)

    def store(self, claim: Claim, data: bytes) -> None:
        with self.ctx.transaction() as session:
            stored = claims.store(session, self.ctx.storage, self.ctx.job_id, claim, data)
        self.embedded += stored
        self.whole += stored and claim.detail == WHOLE

    def _fail(self, claim: Claim, reason: str) -> None:
        logger.warning("image %s (%s) cannot be embedded: %s", claim.image_id, claim.file_name, reason)
        with self.ctx.transaction() as session:
            claims.fail(session, self.ctx.job_id, claim, reason)
        self.failed += 1
        self.whole += claim.detail == WHOLE

    def _surprise(self, claim: Claim, error: Exception) -> None:
        """An image the encoder fails on is broken; several in a row mean that the encoder or the machine is."""
        if isinstance(error, DomainError | EngineError):
            self._fail(claim, str(error))
            return
        self.surprises += 1
        if self.surprises >= MAX_SURPRISES:
            raise error
        logger.warning("embedding %s failed", claim.file_name, exc_info=error)
        self._fail(claim, f"the encoder failed on it ({type(error).__name__}: {error}).")

    def _finish(self) -> None:
        """Whoever embeds the last image says so; a second attempt says it again, in case the first could not."""
        with self.ctx.transaction() as session:
            state = embeddings.progress(session, self.dataset_id, self.encoder_sha256)
            if self.wanted_only:
                embeddings.forget_answers(session, self.dataset_id, self.encoder_sha256)
            # Details change nothing of what anybody else sees.
            if state.done < state.total or not (self.whole or self.ctx.attempt > 1):
                return
            events.emit(
                session,
                "dataset.embedded",
                dataset_id=self.dataset_id,
                encoder_sha256=self.encoder_sha256,
                model_id=self.model.id,
                ready=state.ready,
                failed=state.failed,
            )
