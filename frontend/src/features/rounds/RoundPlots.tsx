/** How the loop does, round by round: better masks, less time, more of them. */
import { BarChart, LineChart } from "@mantine/charts";
import { Box, Card, SimpleGrid, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { RoundInsight } from "../../api/types";
import { NOTHING } from "../../lib/format";

const HEIGHT = 150;

/** Bounds of an axis that reach at least to `value`. */
const below = (value: number) => (least: number) => Math.min(least, value);
const above = (value: number) => (most: number) => Math.max(most, value);
const digits = (places: number) => (value: number) => value.toFixed(places);

export function RoundPlots({ rounds }: { rounds: RoundInsight[] }) {
  const data = [...rounds].sort((a, b) => a.number - b.number).map((round) => ({ ...round, name: nameOf(round) }));
  const common = { h: HEIGHT, data, dataKey: "name", tickLine: "none" as const, gridAxis: "x" as const };
  // Few ticks, each of them shown: left alone, the chart drops those that come close and says nothing of zero.
  const axis = { tickCount: 3, interval: 0 as const };
  const line = { ...common, curveType: "linear" as const, withDots: true, strokeWidth: 2, connectNulls: true };
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="md">
      <Plot
        title="mIoU on held-out masks"
        latest={lastOf(data, "miou_5", 3)}
        note={
          <>
            <Dot color="loom.6" /> 5 clicks <Dot color="indigo.5" /> 1 click
          </>
        }
      >
        <LineChart
          {...line}
          yAxisProps={{ ...axis, domain: [0, "auto"], width: 46 }}
          valueFormatter={digits(3)}
          series={[
            { name: "miou_1", label: "1 click", color: "indigo.5" },
            { name: "miou_5", label: "5 clicks", color: "loom.6" },
          ]}
        />
      </Plot>
      <Plot title="Gain of the round" latest={lastOf(data, "gain", 3)} note="over the model before">
        <BarChart
          {...common}
          yAxisProps={{ ...axis, domain: [below(0), above(0)], width: 52 }}
          valueFormatter={digits(3)}
          maxBarWidth={26}
          series={[{ name: "gain", label: "Gain", color: "loom.6" }]}
          getBarColor={(value) => (value < 0 ? "orange.6" : "loom.6")}
        />
      </Plot>
      <Plot title="Seconds per mask" latest={lastOf(data, "seconds_per_mask", 1)} note="an annotator's time">
        <LineChart
          {...line}
          yAxisProps={{ ...axis, domain: [0, "auto"], width: 32 }}
          valueFormatter={digits(1)}
          series={[{ name: "seconds_per_mask", label: "Seconds", color: "grape.5" }]}
        />
      </Plot>
      <Plot title="Masks per image" latest={lastOf(data, "masks_per_image", 1)} note="on annotated images">
        <LineChart
          {...line}
          yAxisProps={{ ...axis, domain: [0, "auto"], width: 32 }}
          valueFormatter={digits(1)}
          series={[{ name: "masks_per_image", label: "Masks", color: "blue.5" }]}
        />
      </Plot>
    </SimpleGrid>
  );
}

const nameOf = (round: RoundInsight) => (round.number === 0 ? "start" : `R${round.number}`);

function lastOf(
  data: RoundInsight[],
  key: "miou_5" | "gain" | "seconds_per_mask" | "masks_per_image",
  places: number,
): string {
  const value = data.map((round) => round[key]).findLast((one) => one != null);
  return value == null ? NOTHING : value.toFixed(places);
}

function Dot({ color }: { color: string }) {
  return <Box component="span" display="inline-block" w={8} h={8} ml={4} bg={color} style={{ borderRadius: 8 }} />;
}

function Plot({
  title,
  latest,
  note,
  children,
}: {
  title: string;
  latest: string;
  note: ReactNode;
  children: ReactNode;
}) {
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
