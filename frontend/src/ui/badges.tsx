/** States as badges: one colour and one word per state, everywhere the same. */
import { Badge, type BadgeProps, Tooltip } from "@mantine/core";
import type { JobState, Round } from "../api/types";
import { STAGES } from "../lib/stages";

export function StageBadge({ stage, ...props }: { stage: number } & BadgeProps) {
  const known = STAGES.find((one) => one.stage === stage);
  return (
    <Tooltip label={known?.summary ?? ""} multiline maw={280}>
      <Badge color={known?.color ?? "gray"} {...props}>
        Stage {stage} · {known?.name ?? "unknown"}
      </Badge>
    </Tooltip>
  );
}

const JOB: Record<JobState, [string, string]> = {
  queued: ["gray", "Waiting"],
  running: ["blue", "Running"],
  succeeded: ["green", "Done"],
  failed: ["red", "Failed"],
  cancelled: ["gray", "Cancelled"],
};

export function JobBadge({ state }: { state: JobState }) {
  const [color, label] = JOB[state] ?? ["gray", state];
  return <Badge color={color}>{label}</Badge>;
}

const ROUND: Record<Round["state"], [string, string]> = {
  pending: ["gray", "Waiting"],
  snapshot: ["blue", "Taking a snapshot"],
  training: ["blue", "Training"],
  evaluating: ["blue", "Evaluating"],
  activated: ["green", "Activated"],
  rejected: ["orange", "Held back by the gate"],
  failed: ["red", "Failed"],
  cancelled: ["gray", "Cancelled"],
};

export function RoundBadge({ state }: { state: Round["state"] }) {
  const [color, label] = ROUND[state] ?? ["gray", state];
  return <Badge color={color}>{label}</Badge>;
}
