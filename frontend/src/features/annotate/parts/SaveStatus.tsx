/** Whether everything is saved, and if not, why not. */
import { Badge, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCloudCheck, IconCloudOff, IconCloudUp, IconLock } from "@tabler/icons-react";
import { plural } from "../../../lib/format";
import { useSession, useSessionState } from "../context";
import type { SaveState } from "../sync/queue";

const LOOKS = {
  saved: { icon: IconCloudCheck, color: "teal" },
  saving: { icon: IconCloudUp, color: "blue" },
  offline: { icon: IconCloudOff, color: "orange" },
  signed_out: { icon: IconLock, color: "orange" },
  stuck: { icon: IconAlertTriangle, color: "red" },
} as const;

function textOf({ status, pending, stuck }: SaveState): string {
  if (status === "saved") return "Saved";
  if (status === "saving") return "Saving";
  if (status === "offline") return `Offline, ${pending} pending`;
  if (status === "signed_out") return `Signed out, ${pending} pending`;
  return `${plural(stuck.length, "mask")} not saved`;
}

export function SaveStatus() {
  const session = useSession();
  const save = useSessionState((s) => s.save);
  const { icon: Shape, color } = LOOKS[save.status];
  const hint =
    save.message ||
    (save.status === "saved" ? "Every mask is on the server." : "Kept in this browser until the server has it.");
  return (
    <Tooltip label={hint} multiline maw={320}>
      <Badge
        size="lg"
        color={color}
        leftSection={<Shape size={14} />}
        data-testid="save-status"
        data-status={save.status}
        role="status"
        style={{ cursor: save.status === "offline" ? "pointer" : "default" }}
        onClick={() => session.retry()}
      >
        {textOf(save)}
      </Badge>
    </Tooltip>
  );
}
