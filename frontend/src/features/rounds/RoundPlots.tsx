/** How the loop does, round by round: better masks, less time, more of them. */
import { BarChart, LineChart } from "@mantine/charts";
import { SimpleGrid } from "@mantine/core";
import type { ReactNode } from "react";
import type { RoundFigures } from "../../api/types";
import { NOTHING } from "../../lib/format";
import { AXIS, COMMON, Dot, digits, LINE, Plot } from "./Plot";

/** Bounds of an axis that reach at least to `value`. */
const below = (value: number) => (least: number) => Math.min(least, value);
const above = (value: number) => (most: number) => Math.max(most, value);

type Series = { key: keyof RoundFigures; label: string; color: string };
type Simple = Series & { title: string; note: string; places: number; beside?: Series };

const SECONDS: Simple = {
  key: "seconds_per_mask",
  title: "Seconds per mask",
  note: "an annotator's time",
  label: "Seconds",
  color: "grape.5",
  places: 1,
};
/** Where the model proposes, what is left to draw is hard; what a mask costs in all is told by both. */
const SECONDS_WITH_PROPOSALS: Simple = {
  ...SECONDS,
  key: "seconds_per_mask_left",
  label: "with kept proposals",
  beside: { key: "seconds_per_mask", label: "drawn", color: "gray.5" },
};
const CLICKS: Simple = {
  key: "clicks_per_mask",
  title: "Clicks per mask",
  note: "of drawn masks",
  label: "Clicks",
  color: "cyan.6",
  places: 1,
};
const MASKS: Simple = {
  key: "masks_per_image",
  title: "Masks per image",
  note: "on annotated images",
  label: "Masks",
  color: "blue.5",
  places: 1,
};
const KEPT: Simple = {
  key: "proposals_kept",
  title: "Proposals kept",
  note: "of those looked at",
  label: "Share",
  color: "green.6",
  places: 2,
};

/** `children`: further plots of the same row. */
export function RoundPlots({ rounds, children }: { rounds: RoundFigures[]; children?: ReactNode }) {
  const data = [...rounds].sort((a, b) => a.number - b.number).map((round) => ({ ...round, name: nameOf(round) }));
  // Until there are proposals everything is drawn, and a curve of them would say nothing.
  const assisted = data.every((round) => round.proposals_kept == null);
  const simple = assisted ? [SECONDS, MASKS] : [SECONDS_WITH_PROPOSALS, CLICKS, MASKS, KEPT];
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: assisted || children ? 4 : 3 }} spacing="md">
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
          {...LINE}
          data={data}
          dataKey="name"
          yAxisProps={{ ...AXIS, domain: [0, "auto"], width: 46 }}
          valueFormatter={digits(3)}
          series={[
            { name: "miou_1", label: "1 click", color: "indigo.5" },
            { name: "miou_5", label: "5 clicks", color: "loom.6" },
          ]}
        />
      </Plot>
      <Plot title="Gain of the round" latest={lastOf(data, "gain", 3)} note="over the model before">
        <BarChart
          {...COMMON}
          data={data}
          dataKey="name"
          yAxisProps={{ ...AXIS, domain: [below(0), above(0)], width: 52 }}
          valueFormatter={digits(3)}
          maxBarWidth={26}
          series={[{ name: "gain", label: "Gain", color: "loom.6" }]}
          getBarColor={(value) => (value < 0 ? "orange.6" : "loom.6")}
        />
      </Plot>
      {simple.map(({ key, title, note, label, color, places, beside }) => (
        <Plot
          key={key}
          title={title}
          latest={lastOf(data, key, places)}
          note={
            beside ? (
              <>
                <Dot color={color} /> {label} <Dot color={beside.color} /> {beside.label}
              </>
            ) : (
              note
            )
          }
        >
          <LineChart
            {...LINE}
            data={data}
            dataKey="name"
            yAxisProps={{ ...AXIS, domain: [0, "auto"], width: places > 1 ? 38 : 32 }}
            valueFormatter={digits(places)}
            series={[
              ...(beside ? [{ name: beside.key, label: beside.label, color: beside.color }] : []),
              { name: key, label, color },
            ]}
          />
        </Plot>
      ))}
      {children}
    </SimpleGrid>
  );
}

const nameOf = (round: RoundFigures) => (round.number === 0 ? "start" : `R${round.number}`);

function lastOf(data: RoundFigures[], key: keyof RoundFigures, places: number): string {
  const value = data.map((round) => round[key]).findLast((one) => one != null);
  return value == null ? NOTHING : value.toFixed(places);
}
