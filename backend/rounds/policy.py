"""When to retrain and when to change the stage, decided from figures alone. Pure: no database, no clock.

The paper moves on "after sufficient data annotation"; here that is a policy of the dataset: enough new masks, and
either enough rounds in the stage or rounds that stopped helping. Every answer comes as a list of gates with the
figure, the threshold and a sentence, so that the page, the history and the log all show the same reasons.
"""

from dataclasses import asdict, dataclass

FIRST_STAGE, LAST_STAGE = 1, 3


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The dataset's policy (see `datasets`), as plain values."""

    min_new_masks: int
    max_rounds_stage1: int
    max_rounds_stage2: int
    min_gain: float
    auto_rounds: bool
    auto_stages: bool
    frozen: bool

    def max_rounds(self, stage: int) -> int:
        """Rounds the policy allows in `stage`; stage 3 retrains no more by itself."""
        return {1: self.max_rounds_stage1, 2: self.max_rounds_stage2}.get(stage, 0)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the policy looks at. Masks are final masks of people on training images (proposals they kept included)."""

    stage: int
    masks: int
    masks_at_stage_start: int
    masks_at_last_round: int
    rounds_in_stage: int
    last_gain: float | None
    round_running: bool

    @property
    def new_masks_in_stage(self) -> int:
        return max(0, self.masks - self.masks_at_stage_start)

    @property
    def new_masks_since_round(self) -> int:
        return max(0, self.masks - self.masks_at_last_round)

    def to_dict(self) -> dict[str, object]:
        """Everything, the derived counts included, for the history."""
        return {
            **asdict(self),
            "new_masks_in_stage": self.new_masks_in_stage,
            "new_masks_since_round": self.new_masks_since_round,
        }


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One condition: its figure, its threshold, whether it holds, and a sentence for a person."""

    name: str
    value: float | None
    threshold: float
    holds: bool
    explanation: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether the dataset is ready to move to `target`, why, and whether the policy may do it by itself."""

    target: int | None
    gates: tuple[Gate, ...]
    ready: bool
    automatic: bool
    reason: str


def stage_verdict(figures: Figures, policy: Policy) -> Verdict:
    """Is it time for the next stage?

    Ready = enough new masks, and (enough rounds or no gain left), and no round running.
    """
    if figures.stage >= LAST_STAGE:
        return Verdict(target=None, gates=(), ready=False, automatic=False, reason="Stage 3 is the last stage.")
    masks = _masks_gate(figures, policy)
    rounds = _rounds_gate(figures, policy)
    gain = _gain_gate(figures, policy)
    idle = _idle_gate(figures)
    ready = masks.holds and idle.holds and (rounds.holds or gain.holds)
    target = figures.stage + 1
    if ready:
        why = rounds if rounds.holds else gain
        reason = f"Stage {figures.stage} is done: {masks.explanation} {why.explanation}"
    else:
        reason = next((g.explanation for g in (idle, masks) if not g.holds), f"{rounds.explanation} {gain.explanation}")
    return Verdict(
        target=target,
        gates=(masks, rounds, gain, idle),
        ready=ready,
        automatic=ready and policy.auto_stages and not policy.frozen,
        reason=reason,
    )


def round_due(figures: Figures, policy: Policy) -> tuple[bool, str]:
    """Should the policy start a round now? (yes or no, the sentence that says why)."""
    if policy.frozen or not policy.auto_rounds:
        return False, "Automatic rounds are switched off for this dataset."
    if figures.stage >= LAST_STAGE:
        return False, "Stage 3 generates masks; rounds there are started by hand."
    if figures.round_running:
        return False, "A round is already running."
    if figures.rounds_in_stage >= policy.max_rounds(figures.stage):
        return False, f"All {policy.max_rounds(figures.stage)} rounds of stage {figures.stage} are done."
    new, needed = figures.new_masks_since_round, policy.min_new_masks
    if new < needed or new == 0:
        return False, f"{new} of {needed} new masks since the last round."
    return True, f"{new} new masks since the last round (the policy asks for {needed})."


def _masks_gate(figures: Figures, policy: Policy) -> Gate:
    value, needed = figures.new_masks_in_stage, policy.min_new_masks
    return Gate(
        name="masks",
        value=value,
        threshold=needed,
        holds=value >= needed,
        explanation=f"{value} final masks were made in stage {figures.stage}; the policy asks for {needed}.",
    )


def _rounds_gate(figures: Figures, policy: Policy) -> Gate:
    value, needed = figures.rounds_in_stage, policy.max_rounds(figures.stage)
    return Gate(
        name="rounds",
        value=value,
        threshold=needed,
        holds=value >= needed,
        explanation=f"{value} of {needed} rounds were run in stage {figures.stage}.",
    )


def _gain_gate(figures: Figures, policy: Policy) -> Gate:
    gain = figures.last_gain
    if gain is None:
        explanation = f"No round of stage {figures.stage} has a measured gain yet."
    elif gain < policy.min_gain:
        explanation = f"The last round gained {gain:+.3f} IoU, less than the {policy.min_gain:.3f} worth going on for."
    else:
        explanation = f"The last round still gained {gain:+.3f} IoU (going on is worth it from {policy.min_gain:.3f})."
    return Gate(
        name="gain",
        value=gain,
        threshold=policy.min_gain,
        holds=gain is not None and gain < policy.min_gain,
        explanation=explanation,
    )


def _idle_gate(figures: Figures) -> Gate:
    running = figures.round_running
    return Gate(
        name="idle",
        value=float(running),
        threshold=0,
        holds=not running,
        explanation="A round is running; its result comes first." if running else "No round is running.",
    )
