/** Cancel, override the gate, roll back. */
import { Button } from "@mantine/core";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { useMay } from "../../api/session";
import type { Round } from "../../api/types";
import { readGate } from "../../lib/roundGate";
import { confirm } from "../../ui/confirm";
import { useAction } from "../../ui/useAction";
import { isRunning } from "./roundState";

interface Props {
  round: Round;
  inUse: boolean;
  idle: boolean;
}

export function RoundActions({ round, inUse, idle }: Props) {
  const admin = useMay("admin");
  const params = { path: { round_id: round.id } };
  const stale = [keys.rounds(round.dataset_id), keys.datasets, keys.models, keys.jobs, keys.stages(round.dataset_id)];
  const cancel = useAction({
    run: () => unwrap(api.POST("/api/rounds/{round_id}/cancel", { params })),
    stale,
    done: `Round ${round.number} stops at its next safe point.`,
  });
  const override = useAction({
    run: () => unwrap(api.POST("/api/rounds/{round_id}/activate", { params })),
    stale,
    done: `The model of round ${round.number} is in use.`,
  });
  const rollback = useAction({
    run: () => unwrap(api.POST("/api/rounds/{round_id}/rollback", { params })),
    stale,
    done: "The model before this round is in use again.",
  });
  if (!admin) return null;

  if (isRunning(round.state)) {
    const ask = () =>
      confirm({
        title: `Cancel round ${round.number}?`,
        children: "What it learned so far is thrown away. The model in use stays as it is.",
        confirm: "Cancel the round",
        onConfirm: () => cancel.mutate(),
      });
    return (
      <Button size="xs" variant="default" loading={cancel.isPending} onClick={ask}>
        Cancel
      </Button>
    );
  }
  if (round.state === "rejected" && round.model_id && idle) {
    const ask = () =>
      confirm({
        title: `Use the model of round ${round.number} all the same?`,
        children: `The gate held it back: ${readGate(round.gate)?.reason ?? "it was not better."} Open browsers are offered it at once.`,
        confirm: "Use it all the same",
        onConfirm: () => override.mutate(),
      });
    return (
      <Button size="xs" variant="default" loading={override.isPending} onClick={ask}>
        Use it all the same…
      </Button>
    );
  }
  if (inUse && idle) {
    const ask = () =>
      confirm({
        title: `Roll back round ${round.number}?`,
        children:
          "The model before this round is used again; open browsers are offered it. Masks stay; nothing is deleted.",
        confirm: "Roll back",
        onConfirm: () => rollback.mutate(),
      });
    return (
      <Button size="xs" variant="default" loading={rollback.isPending} onClick={ask}>
        Roll back…
      </Button>
    );
  }
  if (round.state === "activated" && round.model_id && idle) {
    const ask = () =>
      confirm({
        title: `Use the model of round ${round.number} again?`,
        children: "It takes the place of the model in use; open browsers are offered it at once.",
        confirm: "Use it again",
        danger: false,
        onConfirm: () => override.mutate(),
      });
    return (
      <Button size="xs" variant="default" loading={override.isPending} onClick={ask}>
        Use it again…
      </Button>
    );
  }
  return null;
}
