"""When to retrain, and what; when to change the stage. Decided from figures alone. Pure: no database, no clock.

The paper moves on "after sufficient data annotation"; here that is a policy of the dataset: enough new masks, and
either enough rounds in the stage or a stage that stopped helping, which is when the last two rounds gained nothing and
people are no faster than before. To let the model annotate alone (stage 3) its proposals must also have been kept, and
its predicted IoU, on which every filter of stage 3 lives, must be right. Every answer comes as a list of gates with
the figure, the threshold and a sentence, so that the page, the history and the log all show the same reasons.
"""

from dataclasses import asdict, dataclass

from backend.rounds.models import RoundMode

FIRST_STAGE, LAST_STAGE = 1, 3


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The dataset's policy (see `datasets`), as plain values."""

    min_new_masks: int
    max_rounds_stage1: int
    max_rounds_stage2: int
    min_gain: float
    min_speedup: float
    min_proposals_kept: float
    proposal_window: int
    max_calibration_error: float
    quiet_from: int
    quiet_until: int
    auto_rounds: bool
    auto_stages: bool
    frozen: bool

    def max_rounds(self, stage: int) -> int:
        """Rounds the policy allows in `stage`; stage 3 retrains no more by itself."""
        return {1: self.max_rounds_stage1, 2: self.max_rounds_stage2}.get(stage, 0)

    def is_quiet(self, hour: int) -> bool:
        """Whether `hour` (0..23, UTC) is one in which no round starts by itself; the quiet may span midnight."""
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= hour < self.quiet_until
        return hour >= self.quiet_from or hour < self.quiet_until


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the policy looks at.

    Masks are final masks of people on training images (proposals they kept included). `gains` are those of the stage's
    last two rounds, newest first; `seconds_per_mask` those of the masks that the stage's last two rounds were started
    with, newest first. `proposals_seen` are the last ones decided, `proposals_kept` the share kept as good as
    unchanged.
    `calibration_error` is the active model's on held-out masks. `hour` is the time of day in UTC.
    """

    stage: int
    masks: int
    masks_at_stage_start: int
    masks_at_last_round: int
    rounds_in_stage: int
    gains: tuple[float, ...]
    seconds_per_mask: tuple[float | None, ...]
    proposals_seen: int
    proposals_kept: float | None
    calibration_error: float | None
    round_running: bool
    hour: int

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

    Ready = enough new masks, no round running, and either enough rounds or neither gain nor speed left; from stage 2
    also good proposals and a calibrated model.
    """
    if figures.stage >= LAST_STAGE:
        return Verdict(target=None, gates=(), ready=False, automatic=False, reason="Stage 3 is the last stage.")
    masks = _masks_gate(figures, policy)
    rounds = _rounds_gate(figures, policy)
    gain, speed = _gain_gate(figures, policy), _speed_gate(figures, policy)
    trust = (_proposals_gate(figures, policy), _calibration_gate(figures, policy)) if figures.stage == 2 else ()
    idle = _idle_gate(figures)
    needed = (idle, masks, *trust)
    saturated = gain.holds and speed.holds
    ready = all(gate.holds for gate in needed) and (rounds.holds or saturated)
    target = figures.stage + 1
    if ready:
        why = (rounds,) if rounds.holds else (gain, speed)
        parts = [gate.explanation for gate in (masks, *why, *trust)]
        reason = f"Stage {figures.stage} is done: {' '.join(parts)}"
    else:
        missing = [gate.explanation for gate in needed if not gate.holds]
        if not (rounds.holds or saturated):
            missing += [gate.explanation for gate in (rounds, gain, speed) if not gate.holds]
        reason = missing[0] if not masks.holds or not idle.holds else " ".join(missing)
    return Verdict(
        target=target,
        gates=(masks, rounds, gain, speed, *trust, idle),
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
    if policy.is_quiet(figures.hour):
        return False, f"No round starts by itself between {policy.quiet_from}:00 and {policy.quiet_until}:00 UTC."
    if figures.rounds_in_stage >= policy.max_rounds(figures.stage):
        return False, f"All {policy.max_rounds(figures.stage)} rounds of stage {figures.stage} are done."
    new, needed = figures.new_masks_since_round, policy.min_new_masks
    if new < needed or new == 0:
        return False, f"{new} of {needed} new masks since the last round."
    return True, f"{new} new masks since the last round (the policy asks for {needed})."


def mode_for(encoder: str, device: str) -> tuple[RoundMode, str]:
    """What a round trains unless somebody says, and the sentence that says why: the whole model, which teaches much
    more, where that takes minutes.

    `encoder` is the kind of the model's ("conv" or "vit"), `device` torch's name of where the round's worker trains. A
    transformer's encoder is learned by an accelerator or not at all.
    """
    if encoder == "conv":
        return RoundMode.full, "The whole model is trained: with an encoder of convolutions that takes minutes."
    if device != "cpu":
        return RoundMode.full, f"The whole model is trained: the round's worker has an accelerator ({device})."
    return RoundMode.decoder, (
        "The decoder alone is trained: the round's worker has no accelerator, and without one a transformer's encoder "
        "takes hours."
    )


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
    gains = figures.gains
    best = max(gains) if len(gains) == 2 else None
    told = " and ".join(f"{gain:+.3f}" for gain in reversed(gains))
    if best is None:
        known = f"one, {told} IoU" if gains else "none"
        explanation = f"Two rounds of stage {figures.stage} must have a measured gain; there is {known}."
    elif best < policy.min_gain:
        explanation = (
            f"The last two rounds gained {told} IoU, both less than the {policy.min_gain:.3f} worth going on for."
        )
    else:
        explanation = f"The last two rounds gained {told} IoU (going on is worth it from {policy.min_gain:.3f})."
    return Gate(
        name="gain",
        value=best,
        threshold=policy.min_gain,
        holds=best is not None and best < policy.min_gain,
        explanation=explanation,
    )


def _speed_gate(figures: Figures, policy: Policy) -> Gate:
    """Whether people are still getting faster; masks nobody drew (all proposals kept) cannot get faster."""
    known = [seconds for seconds in figures.seconds_per_mask if seconds is not None]
    speedup = None
    if len(known) < 2:
        explanation = "How long a mask takes is not known for two rounds yet."
    else:
        now, before = known
        speedup = (before - now) / before if before > 0 else 0.0
        change = "no longer falling" if speedup < policy.min_speedup else "still falling"
        explanation = f"A drawn mask took {now:.1f} s, before the last round {before:.1f} s: {change}."
    return Gate(
        name="speed",
        value=speedup,
        threshold=policy.min_speedup,
        holds=speedup is not None and speedup < policy.min_speedup,
        explanation=explanation,
    )


def _proposals_gate(figures: Figures, policy: Policy) -> Gate:
    kept, needed = figures.proposals_kept, policy.min_proposals_kept
    seen = figures.proposals_seen
    enough = seen >= policy.proposal_window
    if kept is None:
        explanation = "No proposal has been looked at yet."
    elif not enough:
        explanation = f"{seen} proposals were looked at, {kept:.0%} kept; {policy.proposal_window} must have been."
    else:
        explanation = (
            f"Of the last {seen} proposals {kept:.0%} were kept as they were; the policy asks for {needed:.0%}."
        )
    return Gate(
        name="proposals",
        value=kept,
        threshold=needed,
        holds=needed == 0 or (enough and kept is not None and kept >= needed),
        explanation=explanation,
    )


def _calibration_gate(figures: Figures, policy: Policy) -> Gate:
    error, allowed = figures.calibration_error, policy.max_calibration_error
    if error is None:
        explanation = "Whether the model's predicted IoU can be believed is not measured yet; a round does that."
    else:
        explanation = f"The model's predicted IoU is off by {error:.3f} on held-out masks; {allowed:.3f} is allowed."
    return Gate(
        name="calibration",
        value=error,
        threshold=allowed,
        holds=allowed == 1 or (error is not None and error <= allowed),
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
