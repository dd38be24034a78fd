/** One dataset: where it stands, what to do next, its images. */
import { Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { IconArrowRight, IconPhotoPlus, IconPointer } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { datasetQuery } from "../../api/queries";
import { useMay, useUser } from "../../api/session";
import type { Dataset } from "../../api/types";
import { count, percent } from "../../lib/format";
import { StageBadge } from "../../ui/badges";
import { Figures, FiguresSkeleton } from "../../ui/Figures";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { ActiveJobs } from "./ActiveJobs";
import { ImageGrid } from "./ImageGrid";
import { ImportDrawer } from "./ImportDrawer";
import { ImportStatus } from "./ImportStatus";
import { startImport, useImportRuns } from "./importRun";
import { nextStep } from "./nextStep";

export function OverviewPage() {
  const { datasetId = "" } = useParams();
  const { data: dataset } = useQuery(datasetQuery(datasetId));
  const admin = useMay("admin");
  const [parameters, setParameters] = useSearchParams();
  const [importing, setImporting] = useState(false);
  const drawerOpen = admin && (importing || parameters.has("add"));
  const closeDrawer = () => {
    setImporting(false);
    if (parameters.has("add")) setParameters({}, { replace: true });
  };
  const importUnderWay = useImportRuns((store) => store.runs[datasetId] !== undefined);
  const openDrawer = () => setImporting(true);

  return (
    <Page>
      <PageHeader
        title={dataset?.name ?? "Dataset"}
        aside={dataset && <StageBadge stage={dataset.stage} />}
        description={dataset?.description}
        actions={
          <>
            {admin && (
              <Button variant="default" leftSection={<IconPhotoPlus size={16} />} onClick={openDrawer}>
                Add images
              </Button>
            )}
            <Button
              component={Link}
              to="annotate"
              variant={dataset?.stage === 3 ? "default" : "filled"}
              leftSection={<IconPointer size={16} />}
              disabled={dataset?.counts.images === 0}
            >
              Annotate
            </Button>
          </>
        }
      />
      <Stack gap="lg">
        {dataset ? <Figures items={figuresOf(dataset)} /> : <FiguresSkeleton />}
        {dataset && <NextStepCard dataset={dataset} />}
        <ImportStatus datasetId={datasetId} />
        <ActiveJobs datasetId={datasetId} />
        {dataset && (
          <ImageGrid dataset={dataset} importing={importUnderWay} onImport={admin ? openDrawer : undefined} />
        )}
      </Stack>
      {admin && (
        <>
          <Dropzone.FullScreen active={!drawerOpen} onDrop={(files) => void startImport(datasetId, files)}>
            <Stack align="center" justify="center" h="60vh" style={{ pointerEvents: "none" }}>
              <IconPhotoPlus size={56} stroke={1.2} />
              <Title order={2}>Drop to add to {dataset?.name}</Title>
              <Text c="var(--ink-soft)">Photographs, zips, COCO files</Text>
            </Stack>
          </Dropzone.FullScreen>
          <ImportDrawer datasetId={datasetId} opened={drawerOpen} onClose={closeDrawer} />
        </>
      )}
    </Page>
  );
}

function figuresOf({ counts, stage, review_mode }: Dataset) {
  return [
    { label: "Images", value: count(counts.images) },
    { label: "Ready to click", value: count(counts.embedded), share: percent(counts.embedded, counts.images) },
    {
      label: stage === 3 ? "Annotated by people" : "Annotated",
      value: count(counts.annotated),
      share: percent(counts.annotated, counts.images),
    },
    { label: "Masks", value: count(counts.masks), note: perImage(counts, stage) },
    ...(stage === 2 || counts.proposals > 0
      ? [{ label: "Proposals", value: count(counts.proposals), note: "waiting for an annotator" }]
      : []),
    ...(review_mode !== "none" || counts.to_review > 0
      ? [
          {
            label: "To review",
            value: count(counts.to_review),
            note: review_mode === "all" ? "every mask" : "a sample",
          },
        ]
      : []),
  ];
}

function perImage({ masks, annotated, images }: Dataset["counts"], stage: number): string {
  if (masks === 0) return "none yet";
  // Of stage 3's masks most are on images that nobody annotated.
  if (stage === 3) return `${(masks / images).toFixed(1)} per image`;
  return annotated > 0 ? `${(masks / annotated).toFixed(1)} per annotated image` : "no image finished yet";
}

function NextStepCard({ dataset }: { dataset: Dataset }) {
  const step = nextStep(dataset, useUser().role);
  if (!step) return null;
  const { action } = step;
  return (
    <Card px="lg" py="md">
      <Group justify="space-between">
        <div>
          <Title order={2}>{step.title}</Title>
          <Text size="sm" c="var(--ink-soft)">
            {step.text}
          </Text>
        </div>
        {action && (
          <Button
            component={Link}
            to={action.page}
            variant="light"
            rightSection={<IconArrowRight size={16} />}
            style={{ flex: "none" }}
          >
            {action.label}
          </Button>
        )}
      </Group>
    </Card>
  );
}
