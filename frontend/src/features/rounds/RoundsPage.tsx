/** Where the loop turns: the stage and its gates, the plots, the rounds. */
import { Skeleton, Stack, Title } from "@mantine/core";
import { IconRefreshDot } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { useParams } from "react-router";
import { datasetQuery, insightsQuery, roundsQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { Generations } from "./Generations";
import { RecordedPanel } from "./RecordedPanel";
import { RoundCard } from "./RoundCard";
import classes from "./RoundsPage.module.css";
import { isRunning } from "./roundState";
import { StagePanel } from "./StagePanel";
import { StartRound } from "./StartRound";

const RoundPlots = lazy(async () => ({ default: (await import("./RoundPlots")).RoundPlots }));

export function RoundsPage() {
  const { datasetId = "" } = useParams();
  const admin = useMay("admin");
  const { data: dataset } = useQuery(datasetQuery(datasetId));
  const rounds = useQuery(roundsQuery(datasetId));
  const insights = useQuery(insightsQuery(datasetId));
  const plotted = (insights.data?.rounds ?? []).filter(
    (round) => round.miou_5 !== null || round.seconds_per_mask !== null,
  );
  const newestFirst = [...(rounds.data ?? [])].sort((a, b) => b.number - a.number);
  const running = newestFirst.find((round) => isRunning(round.state));
  // Not simply the latest activated one: it may have been rolled back, or another model activated since.
  const inUse = newestFirst.find((round) => round.model_id !== null && round.model_id === dataset?.active_model_id);

  return (
    <Page>
      <PageHeader
        title="Rounds and stages"
        description="A round retrains the model on the masks so far; it goes live only if it measures no worse on held-out images."
        actions={admin && dataset && <StartRound dataset={dataset} running={running} />}
      />
      <Stack gap="lg">
        <StagePanel datasetId={datasetId} />
        <Generations datasetId={datasetId} stage={dataset?.stage ?? 1} />
        {plotted.length > 0 && (
          <Suspense fallback={<Skeleton h={230} />}>
            <RoundPlots rounds={plotted} />
          </Suspense>
        )}
        <section>
          <Title order={2} mb="sm">
            Rounds
          </Title>
          {rounds.error && <ErrorNotice error={rounds.error} retry={() => void rounds.refetch()} />}
          {rounds.isPending && <Skeleton h={180} />}
          {rounds.data?.length === 0 && (
            <EmptyState icon={IconRefreshDot} title="No rounds yet">
              {admin
                ? "Annotate a few images, then press Train a round. It can also start by itself: see Settings."
                : "The first round is trained as soon as there are enough masks."}
            </EmptyState>
          )}
          <ol className={classes.timeline}>
            {newestFirst.map((round) => (
              <RoundCard key={round.id} round={round} inUse={round.id === inUse?.id} idle={!running} />
            ))}
          </ol>
        </section>
        {insights.data && <RecordedPanel key={datasetId} first={plotted.length === 0} />}
      </Stack>
    </Page>
  );
}
