/** The recorded run's plots: those of any dataset's rounds, and stage 3 against the truth, which only a simulation knows. */
import { BarChart } from "@mantine/charts";
import type { RecordedRun } from "../../api/types";
import { AXIS, COMMON, Dot, digits, Plot } from "./Plot";
import { RoundPlots } from "./RoundPlots";
import { stageThree } from "./recorded";

const TITLES = { precision: "Stage 3: precision by IoU", recall: "Stage 3: recall by IoU" } as const;

export function RecordedPlots({ run }: { run: RecordedRun }) {
  return (
    <RoundPlots rounds={run.rounds}>
      {(["precision", "recall"] as const).map((score) => (
        <Plot
          key={score}
          title={TITLES[score]}
          latest={digits(2)(stageThree(run, score)[0]?.last ?? Number.NaN)}
          note={
            <>
              <Dot color="gray.5" /> first model <Dot color="teal.6" /> last
            </>
          }
        >
          <BarChart
            {...COMMON}
            data={stageThree(run, score)}
            dataKey="level"
            xAxisProps={{ interval: 0 }}
            yAxisProps={{ ...AXIS, domain: [0, 1], width: 32 }}
            valueFormatter={digits(2)}
            maxBarWidth={22}
            series={[
              { name: "first", label: "First model", color: "gray.5" },
              { name: "last", label: "Last model", color: "teal.6" },
            ]}
          />
        </Plot>
      ))}
    </RoundPlots>
  );
}
