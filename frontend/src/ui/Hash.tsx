/** A hash by its first digits; a click copies all of it. */
import { CopyButton, Group, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { shortHash } from "../lib/format";

export function Hash({ of, value }: { of: string; value: string }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Tooltip
          label={copied ? "Copied" : `Copy ${of}: ${value}`}
          multiline
          maw={320}
          style={{ wordBreak: "break-all" }}
        >
          <UnstyledButton onClick={copy} aria-label={`Copy ${of}`}>
            <Group gap={4} wrap="nowrap" component="span">
              <Text span size="xs" ff="monospace">
                {shortHash(value)}
              </Text>
              {copied ? <IconCheck size={13} /> : <IconCopy size={13} color="var(--ink-soft)" />}
            </Group>
          </UnstyledButton>
        </Tooltip>
      )}
    </CopyButton>
  );
}
