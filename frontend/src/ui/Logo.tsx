/** The mark and the name. */
import { Group, Text } from "@mantine/core";

export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" role="img" aria-label="Maskloom">
      <rect width="32" height="32" rx="8" fill="#0c756d" />
      <g fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round">
        <path d="M8 23V11.5c0-3 4-3 4 0V23" />
        <path d="M12 14c0-5 8-5 8 0" opacity=".65" />
        <path d="M20 23V11.5c0-3 4-3 4 0V23" />
        <path d="M6.500 18.500h19" opacity=".65" />
      </g>
    </svg>
  );
}

export function Logo() {
  return (
    <Group gap={9} wrap="nowrap">
      <Mark />
      <Text fw={660} fz={16} style={{ letterSpacing: "-0.01em" }}>
        Maskloom
      </Text>
    </Group>
  );
}
