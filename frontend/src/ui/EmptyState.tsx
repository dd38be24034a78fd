/** Nothing here yet: says why, and what to do next. */
import { Center, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import type { Icon } from "@tabler/icons-react";
import type { ReactNode } from "react";

interface Props {
  icon: Icon;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}

export function EmptyState({ icon: IconShape, title, children, action }: Props) {
  return (
    <Center py={56} px="md">
      <Stack align="center" gap="xs" maw={420} ta="center">
        <ThemeIcon size={48} radius="xl" variant="light">
          <IconShape size={24} stroke={1.6} />
        </ThemeIcon>
        <Title order={2} mt={4}>
          {title}
        </Title>
        <Text size="sm" c="var(--ink-soft)">
          {children}
        </Text>
        {action && <div style={{ marginTop: 8 }}>{action}</div>}
      </Stack>
    </Center>
  );
}
