/** The masks of the image: newest first, highlighted on the image under the pointer, taken up by a click. */
import { ActionIcon, Badge, Group, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconLock, IconTrash } from "@tabler/icons-react";
import { type CSSProperties, memo, useMemo } from "react";
import { colourNumber, maskColour } from "../../../editor/colours";
import type { DocMask } from "../../../editor/document";
import { areaOf } from "../../../geometry/runs";
import { count, fixed } from "../../../lib/format";
import { sourceName } from "../../../lib/sources";
import classes from "../annotate.module.css";
import { useSession, useSessionState } from "../context";
import type { AnnotateSession } from "../session/session";
import { keepFocus } from "./keep";

function nameOf(mask: DocMask): string {
  if (mask.status === "proposed") return "Proposal";
  if (mask.status === "rejected") return "Rejected";
  return sourceName(mask.source, mask.edited);
}

type RowProps = { mask: DocMask; open: boolean; session: AnnotateSession };

const Row = memo(function Row({ mask, open, session }: RowProps) {
  const colour = maskColour(colourNumber(mask.id));
  const figures = [
    `${count(areaOf(mask.runs))} px`,
    mask.predictedIou === null ? null : `IoU ${mask.predictedIou.toFixed(2)}`,
    mask.seconds > 0 ? `${fixed(mask.seconds, 1)} s` : null,
  ];
  return (
    <li
      className={classes.row}
      data-open={open}
      data-testid="mask-row"
      onMouseEnter={() => session.editor.highlight(mask.id)}
      onMouseLeave={() => session.editor.highlight(null)}
    >
      <span
        className={classes.swatch}
        data-locked={mask.status === "proposed"}
        style={{ background: colour, "--swatch": colour } as CSSProperties}
      />
      <UnstyledButton {...keepFocus} className={classes.pick} onClick={() => session.editor.takeUp(mask.id)}>
        <Group gap={4} wrap="nowrap">
          <Text
            size="sm"
            truncate
            c={mask.status === "rejected" ? "orange" : undefined}
            title={mask.rejectReason ?? undefined}
          >
            {nameOf(mask)}
          </Text>
          {mask.status === "proposed" && <IconLock size={12} aria-label="locked until clicked" />}
        </Group>
        <Text
          size="xs"
          c="var(--ink-soft)"
          className="tabular"
          truncate
          title="Area; the model's own guess of how well the mask fits (IoU); the time it took"
        >
          {figures.filter(Boolean).join(" · ")}
        </Text>
      </UnstyledButton>
      <Tooltip label="Delete">
        <ActionIcon
          {...keepFocus}
          size="sm"
          variant="subtle"
          color="gray"
          aria-label={`Delete: ${nameOf(mask)}`}
          onClick={() => session.delete(mask.id)}
        >
          <IconTrash size={14} />
        </ActionIcon>
      </Tooltip>
    </li>
  );
});

export function MaskPanel() {
  const session = useSession();
  const masks = useSessionState((s) => s.doc.masks);
  const openId = useSessionState((s) => s.doc.draft?.id ?? null);
  const newestFirst = useMemo(() => [...masks].reverse(), [masks]);
  const proposals = masks.filter((mask) => mask.status === "proposed").length;
  return (
    <aside className={classes.panel} aria-label="Masks">
      <Group px={14} py={10} gap={8}>
        <Text fw={600} size="sm">
          Masks
        </Text>
        <Badge color="gray" data-testid="mask-count" data-count={masks.length - proposals} className="tabular">
          {masks.length - proposals}
        </Badge>
        {proposals > 0 && (
          <Tooltip
            label="Click one to refine, accept or delete it. The rest count as accepted when you go on."
            multiline
            maw={260}
          >
            <Badge leftSection={<IconLock size={11} />}>{proposals} proposed</Badge>
          </Tooltip>
        )}
      </Group>
      {masks.length === 0 ? (
        <Text size="sm" c="var(--ink-soft)" px={14}>
          {openId
            ? "Enter accepts the open mask; the next click then starts another."
            : "Click on an object to begin. Most prominent objects first; leave what takes over 30 seconds."}
        </Text>
      ) : (
        <ul className={classes.list}>
          {newestFirst.map((mask) => (
            <Row key={mask.id} mask={mask} open={mask.id === openId} session={session} />
          ))}
        </ul>
      )}
    </aside>
  );
}
