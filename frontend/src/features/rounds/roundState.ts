/** Which states of a round are still moving. */
import type { Round } from "../../api/types";

export function isRunning(state: Round["state"]): boolean {
  return state === "pending" || state === "snapshot" || state === "training" || state === "evaluating";
}
