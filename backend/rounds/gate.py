"""The gate: may the child of a round replace its parent? Pure numbers, no database, no torch.

Both models answered the same clicks on the same held-out masks. Each image gives one paired difference, the child's
mean IoU minus the parent's, averaged over the gated numbers of clicks; the images are resampled with replacement and
the percentile interval of the mean difference is the "confidence interval" here. Images are the unit, not masks:
masks of one image succeed or fail together, and an interval over masks would be far too narrow. Resampling two or
three images gives little else than themselves, so the interval is never narrower than Student's for as many; from
about twenty on both are the same. Of a single image there is no interval.

A child passes unless it regresses: it fails when the whole interval lies below zero (worse, and surely so) or when the
mean fell by more than `max_drop` (worse by so much that few images are no excuse).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

if TYPE_CHECKING:
    from engine.evaluate.clicks import ClickReport

GATE_CLICKS = (1, 5)
CLEARLY_BETTER = 0.01  # in IoU; on photographs, which gain nothing, one image in twelve shows as much by chance


def summary(report: "ClickReport") -> dict[str, Any]:
    """A report as a round keeps it: the means, and each image's mean IoU for the paired statistics."""
    per_image = {
        image.name: {str(clicks): float(np.mean(values)) for clicks, values in image.iou_after.items()}
        for image in report.images
    }
    counts = {"num_images": len(report.images), "num_masks": report.num_masks}
    return {**report.figures(), **counts, "per_image": per_image}


def without_images(kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of a kept report concerns others than the gate."""
    return {name: value for name, value in (kept or {}).items() if name != "per_image"}


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What the gate decided and the figures it decided on. IoU differences are child minus parent, in [-1, 1].

    `gain` is None when there was nothing to measure on, `ci_low` and `ci_high` also where it was a single image.
    """

    passed: bool
    reason: str
    gain: float | None
    ci_low: float | None
    ci_high: float | None
    num_images: int
    num_masks: int
    measured_on: str
    max_drop: float
    confidence: float

    def to_dict(self) -> dict[str, object]:
        """Plain values for a JSON column."""
        return dict(vars(self))


def paired_bootstrap(
    differences: Sequence[float], *, samples: int = 10_000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """The mean of `differences` with its percentile bootstrap interval: (mean, low, high).

    Deterministic under `seed`. Raises ValueError on an empty sequence.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.size == 0:
        raise ValueError("a bootstrap needs at least one paired difference")
    rng = np.random.default_rng(seed)
    means = np.empty(samples)
    chunk = max(1, 2_000_000 // values.size)  # keeps the index array small when there are many images
    for start in range(0, samples, chunk):
        stop = min(samples, start + chunk)
        means[start:stop] = values[rng.integers(0, values.size, (stop - start, values.size))].mean(axis=1)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(values.mean()), float(low), float(high)


def confidence_interval(
    differences: Sequence[float], *, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of at least two `differences` and its interval, the wider of bootstrap and Student's t: (mean, low, high).

    On so few values the percentile bootstrap is too narrow (Hesterberg 2015, section 4.2), of two by a factor of ten.
    """
    mean, low, high = paired_bootstrap(differences, confidence=confidence, seed=seed)
    count = len(differences)
    half = float(stdtrit(count - 1, (1 + confidence) / 2) * np.std(differences, ddof=1) / count**0.5)
    return mean, min(low, mean - half), max(high, mean + half)


def paired_differences(
    before: Mapping[str, Mapping[str, float]],
    after: Mapping[str, Mapping[str, float]],
    clicks: Sequence[int] = GATE_CLICKS,
) -> list[float]:
    """One difference per image that both models answered, averaged over `clicks`.

    Both mappings are image id -> {str(number of clicks): mean IoU of the image}.
    """
    keys = [str(k) for k in clicks]
    shared = sorted(set(before) & set(after))
    return [float(np.mean([after[image][k] - before[image][k] for k in keys])) for image in shared]


def decide(
    differences: Sequence[float],
    *,
    num_masks: int,
    measured_on: str,
    max_drop: float,
    confidence: float = 0.95,
    seed: int = 0,
) -> GateResult:
    """Apply the rule of this module.

    `measured_on` is a sentence part, such as "8 held-out images"; it goes into the reason.
    """
    if not differences:
        reason = (
            "There was nothing to measure on: no image with final masks could be kept away from training. "
            "Annotate at least two images and start another round, or activate this model by hand."
        )
        return GateResult(
            passed=False, reason=reason, gain=None, ci_low=None, ci_high=None, num_images=0, num_masks=0,
            measured_on=measured_on, max_drop=max_drop, confidence=confidence,
        )  # fmt: skip
    low = high = None
    if len(differences) > 1:
        gain, low, high = confidence_interval(differences, confidence=confidence, seed=seed)
        interval = f"{confidence:.0%} interval {low:+.3f} to {high:+.3f}"
        # The table beside it counts masks, so that the two may differ in sign.
        figures = f"{gain:+.3f} IoU ({interval}) on {measured_on}, each image counting alike"
    else:
        gain = differences[0]
        figures = f"{gain:+.3f} IoU on {measured_on}, too little for an interval"
    if high is not None and high < 0:
        passed, reason = False, f"The new model is worse than the current one, so it was held back: {figures}."
    elif gain < -max_drop:
        passed = False
        reason = f"The new model fell by more than the allowed {max_drop:.3f}, so it was held back: {figures}."
    elif low is not None and low > 0:
        passed, reason = True, f"The new model is better: {figures}."
    else:
        passed, reason = True, f"The new model does not regress: {figures}."
    if len(differences) < 5:
        reason += " So few images say little; more held-out masks make this gate sharper."
    return GateResult(
        passed=passed, reason=reason, gain=gain, ci_low=low, ci_high=high, num_images=len(differences),
        num_masks=num_masks, measured_on=measured_on, max_drop=max_drop, confidence=confidence,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ShareChoice:
    """How much of the old weights a round on few masks ended with: `chosen` is `careful` unless `bold` measured better
    by `gain` IoU.
    """

    careful: float
    bold: float
    chosen: float
    gain: float
    num_images: int


def choose_share(shares: Sequence[float], differences: Sequence[float]) -> ShareChoice:
    """Between the careful share of the old weights and the bold one, by the held-out images' differences, bold minus
    careful. The gate then judges by the same images: of what it measures, a point or two may be this choice's luck.
    """
    careful, bold = shares
    gain = float(np.mean(differences))
    chosen = bold if gain > CLEARLY_BETTER else careful
    return ShareChoice(careful=careful, bold=bold, chosen=chosen, gain=gain, num_images=len(differences))
