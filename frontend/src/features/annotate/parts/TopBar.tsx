/** Which image, how many are left, whether it is saved, and the way on. */
import { ActionIcon, Badge, Button, Group, Text, Tooltip } from "@mantine/core";
import {
  IconArrowLeft,
  IconArrowRight,
  IconCheck,
  IconKeyboard,
  IconList,
  IconPlayerSkipForward,
} from "@tabler/icons-react";
import { isAcceptable } from "../../../editor/document";
import { count, plural } from "../../../lib/format";
import classes from "../annotate.module.css";
import { useSession, useSessionState } from "../context";
import { keepFocus } from "./keep";
import { SaveStatus } from "./SaveStatus";

type TopBarProps = {
  onHelp: () => void;
  /** Whether the list of masks lies over the image, where there is no room beside it. */
  listOpen: boolean;
  onToggleList: () => void;
};

export function TopBar({ onHelp, listOpen, onToggleList }: TopBarProps) {
  const session = useSession();
  const task = useSessionState((s) => s.task);
  const phase = useSessionState((s) => s.phase);
  const hasPrevious = useSessionState((s) => s.hasPrevious);
  const acceptable = useSessionState((s) => isAcceptable(s.doc.draft));
  const proposals = useSessionState((s) => s.doc.masks.filter((mask) => mask.status === "proposed").length);
  if (!task) return null;
  const keeps = proposals > 0 ? `, which keeps ${plural(proposals, "proposal")}` : "";
  const { image, stage, remaining, returned_reasons: reasons } = task;
  const busy = phase !== "working";
  return (
    <header className={classes.top}>
      <Group gap={8} wrap="nowrap" style={{ minWidth: 0, flex: 1 }}>
        <Text fw={600} size="sm" truncate title={image.file_name}>
          {image.file_name}
        </Text>
        <Text size="xs" c="var(--ink-soft)" className={`tabular ${classes.roomy}`} style={{ whiteSpace: "nowrap" }}>
          {image.width} × {image.height}
        </Text>
        <Badge color="gray" className={classes.roomy}>
          Stage {stage}
        </Badge>
        {image.split === "heldout" && (
          <Tooltip label="Masks of this image measure the models; they are not trained on.">
            <Badge color="grape">Held out</Badge>
          </Tooltip>
        )}
        {reasons.length > 0 && (
          <Tooltip label={reasons.join(" · ")} multiline maw={360}>
            <Badge color="orange">Sent back: {reasons[0]}</Badge>
          </Tooltip>
        )}
      </Group>
      <Text
        size="xs"
        c="var(--ink-soft)"
        className={`tabular ${classes.roomy}`}
        data-testid="remaining"
        style={{ whiteSpace: "nowrap" }}
      >
        {plural(remaining, "image")} left
      </Text>
      <SaveStatus />
      <Button
        {...keepFocus}
        leftSection={<IconCheck size={16} />}
        disabled={!acceptable}
        onClick={() => session.accept()}
        data-testid="accept"
        title="Enter"
      >
        Accept
      </Button>
      <Tooltip label="Back to the image before (A)">
        <ActionIcon
          {...keepFocus}
          variant="default"
          size={36}
          aria-label="Previous image"
          disabled={busy || !hasPrevious}
          onClick={() => void session.back()}
          data-testid="previous-image"
        >
          <IconArrowLeft size={18} />
        </ActionIcon>
      </Tooltip>
      <Button
        {...keepFocus}
        variant="default"
        leftSection={<IconPlayerSkipForward size={16} />}
        disabled={busy}
        onClick={() => void session.finish(true)}
        data-testid="skip"
        title="S"
      >
        Skip
      </Button>
      <Button
        {...keepFocus}
        variant="light"
        rightSection={<IconArrowRight size={16} />}
        disabled={busy}
        loading={phase === "finishing"}
        onClick={() => void session.finish(false)}
        data-testid="next-image"
        title={`D: done with this image${keeps}`}
      >
        {proposals > 0 ? `Keep ${count(proposals)}, next image` : "Next image"}
      </Button>
      <Tooltip label={listOpen ? "Hide the masks" : "Show the masks"}>
        <ActionIcon
          {...keepFocus}
          className={classes.listButton}
          variant={listOpen ? "light" : "subtle"}
          color="gray"
          size={34}
          aria-label="Masks"
          aria-expanded={listOpen}
          onClick={onToggleList}
          data-testid="mask-list"
        >
          <IconList size={20} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="Shortcuts (?)">
        <ActionIcon
          {...keepFocus}
          variant="subtle"
          color="gray"
          size={34}
          aria-label="Shortcuts"
          onClick={onHelp}
          data-testid="help"
        >
          <IconKeyboard size={20} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
    </header>
  );
}
