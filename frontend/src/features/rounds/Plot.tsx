/** One small plot of a row of them: its title, its latest figure, and what it needs to be drawn like the others. */
import { Box, Card, Text } from "@mantine/core";
import type { ReactNode } from "react";

export const digits = (places: number) => (value: number) => value.toFixed(places);

export const COMMON = { h: 150, tickLine: "none", gridAxis: "x" } as const;
/** Few ticks, each of them shown: left alone, the chart drops those that come close and says nothing of zero. */
export const AXIS = { tickCount: 3, interval: 0 } as const;
export const LINE = { ...COMMON, curveType: "linear", withDots: true, strokeWidth: 2, connectNulls: true } as const;

interface Props {
  title: string;
  latest: string;
  note: ReactNode;
  children: ReactNode;
}

export function Plot({ title, latest, note, children }: Props) {
  return (
    <Card p="md">
      <Text size="xs" c="var(--ink-soft)">
        {title}
      </Text>
      <Text fz={20} fw={600} lh={1.3} className="tabular">
        {latest}{" "}
        <Text span size="xs" c="var(--ink-soft)" fw={400}>
          {note}
        </Text>
      </Text>
      <div style={{ marginTop: 10 }} role="img" aria-label={`${title}, latest ${latest}`}>
        {children}
      </div>
    </Card>
  );
}

export function Dot({ color }: { color: string }) {
  return <Box component="span" display="inline-block" w={8} h={8} ml={4} bg={color} style={{ borderRadius: 8 }} />;
}
