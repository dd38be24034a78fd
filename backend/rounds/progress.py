"""What a round tells of itself while it runs: one bar from 0 to 100 over its steps, and a sentence at each. Pure."""

from collections.abc import Callable, Mapping

WHOLE = 100
# How far the bar is at the end of each step.
SNAPSHOT_DONE, DECODER_DONE, TRAINING_DONE, PARENT_DONE, CHILD_DONE, STORED = 3, 60, 65, 75, 85, 90


class RoundProgress:
    """Every method is told by the step of its name; `tell` gets (done, total, sentence)."""

    def __init__(self, tell: Callable[[int, int, str], None]) -> None:
        self._tell = tell

    def collecting(self) -> None:
        self._tell(0, WHOLE, "Collecting the final masks")

    def collected(self, masks: int, images: int) -> None:
        self._tell(SNAPSHOT_DONE, WHOLE, f"Learning from {masks} masks on {images} images")

    def reading(self, done: int, total: int) -> None:
        self._tell(SNAPSHOT_DONE, WHOLE, f"Reading embeddings: {done} of {total}")

    def training(self, done: int, total: int, figures: Mapping[str, float]) -> None:
        """`figures` are those that the training of a round tells: of its model, or of its detector."""
        if "embedded" in figures:  # after a full round, whose encoder is new to all images
            self._tell(DECODER_DONE, WHOLE, f"Embedding for the detector: {done} of {total} images")
        elif "detector_loss" in figures:
            text = f"Training the detector: step {figures['step']:.0f}"
            self._tell(_between(DECODER_DONE, TRAINING_DONE, done, total), WHOLE, text)
        else:
            text = f"Training: step {figures['step']:.0f}, IoU {figures['first_iou']:.2f} after one prompt"
            text = f"{text} and {figures['last_iou']:.2f} after several"
            self._tell(_between(SNAPSHOT_DONE, DECODER_DONE, done, total), WHOLE, text)

    def comparing(self, old_share: float, done: int, total: int) -> None:
        text = f"Measuring with {1 - old_share:.0%} of what was learned: {done} of {total} images"
        self._tell(DECODER_DONE, WHOLE, text)

    def measuring_parent(self, done: int, total: int) -> None:
        self._measuring("current model", TRAINING_DONE, PARENT_DONE, done, total)

    def measuring_child(self, done: int, total: int) -> None:
        self._measuring("new model", PARENT_DONE, CHILD_DONE, done, total)

    def _measuring(self, name: str, start: int, end: int, done: int, total: int) -> None:
        self._tell(_between(start, end, done, total), WHOLE, f"Measuring the {name}: {done} of {total} images")

    def packaging(self) -> None:
        self._tell(CHILD_DONE, WHOLE, "Packaging the new model")

    def stored(self, name: str) -> None:
        self._tell(STORED, WHOLE, f"Stored {name}")

    def embedding(self, done: int, total: int, text: str) -> None:
        """Before the activation, so never at the end of the bar."""
        at = min(_between(STORED, WHOLE, done, total), WHOLE - 1)
        self._tell(at, WHOLE, f"Embedding with the new model: {text}")

    def concluded(self, reason: str) -> None:
        self._tell(WHOLE, WHOLE, reason)


def _between(start: int, end: int, done: int, total: int) -> int:
    return start + (end - start) * done // max(1, total)
