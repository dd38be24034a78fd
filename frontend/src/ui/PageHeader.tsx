/** Title, one line under it, and what can be done here. */
import { Box, Group, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";

interface Props {
  title: string;
  /** Shown beside the title: badges. */
  aside?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
}

export function PageHeader({ title, aside, description, actions }: Props) {
  useDocumentTitle(`${title} · Maskloom`);
  return (
    <Group component="header" justify="space-between" align="flex-start" gap="md" mb="lg">
      <Box flex={1} miw={240}>
        <Group gap="sm">
          <Title order={1}>{title}</Title>
          {aside}
        </Group>
        {description && (
          <Text c="var(--ink-soft)" size="sm" mt={4} maw={720}>
            {description}
          </Text>
        )}
      </Box>
      {actions && <Group gap="xs">{actions}</Group>}
    </Group>
  );
}
