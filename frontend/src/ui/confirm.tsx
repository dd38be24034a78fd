/** "Are you sure" for what cannot be undone: says what will happen, in the words of the button. */
import { Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import type { ReactNode } from "react";

interface Options {
  title: string;
  children: ReactNode;
  confirm: string;
  danger?: boolean;
  onConfirm: () => void;
}

export function confirm({ title, children, confirm: label, danger = true, onConfirm }: Options) {
  modals.openConfirmModal({
    title,
    children: <Text size="sm">{children}</Text>,
    labels: { confirm: label, cancel: "Keep as it is" },
    confirmProps: danger ? { color: "red" } : {},
    onConfirm,
  });
}
