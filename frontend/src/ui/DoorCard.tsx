/** A single form in the middle of an empty page: sign-in and what comes right after it. */
import { Center, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import classes from "./DoorCard.module.css";
import { Logo } from "./Logo";

export function DoorCard({ title, text, children }: { title: string; text: ReactNode; children: ReactNode }) {
  useDocumentTitle(`${title} · Maskloom`);
  return (
    <Center component="main" mih="100dvh" p="md" className={classes.room}>
      <Stack w="100%" maw={392} gap="lg">
        <Logo />
        <Paper withBorder shadow="sm" p="xl">
          <Title order={1} mb={4}>
            {title}
          </Title>
          <Text size="sm" c="var(--ink-soft)" mb="lg">
            {text}
          </Text>
          {children}
        </Paper>
      </Stack>
    </Center>
  );
}
