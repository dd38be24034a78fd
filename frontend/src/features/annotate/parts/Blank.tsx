/** The page without an image: nothing imported, nothing left, open elsewhere, or an error. */
import { Button, Group, Loader, Text } from "@mantine/core";
import { IconCircleCheck, IconPhotoOff, IconWindow } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { datasetQuery } from "../../../api/queries";
import { useMay } from "../../../api/session";
import { EmptyState } from "../../../ui/EmptyState";
import { ErrorNotice } from "../../../ui/ErrorNotice";
import classes from "../annotate.module.css";
import { useSession, useSessionState } from "../context";
import { SaveStatus } from "./SaveStatus";

function NothingLeft({ datasetId }: { datasetId: string }) {
  const session = useSession();
  const { data: dataset } = useQuery(datasetQuery(datasetId));
  const isAdmin = useMay("admin");
  const hasPrevious = useSessionState((s) => s.hasPrevious);
  const overview = (
    <Button component={Link} to={`/datasets/${datasetId}`}>
      {isAdmin && dataset?.counts?.images === 0 ? "Import images" : "To the overview"}
    </Button>
  );
  if (dataset?.counts?.images === 0) {
    return (
      <EmptyState icon={IconPhotoOff} title="No images yet" action={overview}>
        {isAdmin
          ? "Import some images, then come back to label them."
          : "An admin has to import images before there is something to label."}
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={IconCircleCheck}
      title="Nothing left to label"
      action={
        <Group gap="xs" justify="center">
          {hasPrevious && (
            <Button variant="default" onClick={() => void session.back()}>
              Back to the last image
            </Button>
          )}
          <Button variant="default" onClick={() => void session.open(null)}>
            Look again
          </Button>
          {overview}
        </Group>
      }
    >
      Every image of this dataset is done, or somebody is at work on it. Thank you!
    </EmptyState>
  );
}

export function Blank({ datasetId }: { datasetId: string }) {
  const session = useSession();
  const phase = useSessionState((s) => s.phase);
  const error = useSessionState((s) => s.error);
  const task = useSessionState((s) => s.task);
  return (
    <div className={classes.blank} data-testid={`annotate-${phase}`}>
      {phase === "loading" && (
        <Group gap="sm">
          <Loader />
          <Text size="sm">Getting an image</Text>
        </Group>
      )}
      {phase === "nothing_left" && (
        <div>
          <NothingLeft datasetId={datasetId} />
          <Group justify="center">
            <SaveStatus />
          </Group>
        </div>
      )}
      {phase === "other_tab" && (
        <EmptyState
          icon={IconWindow}
          title="This image is open in another tab"
          action={<Button onClick={() => void session.reopen(true)}>Work on it here</Button>}
        >
          Two tabs would write over each other. Close this one, or go on here; the other tab will step back.
        </EmptyState>
      )}
      {phase === "failed" && (
        <div style={{ maxWidth: 480 }}>
          <ErrorNotice error={error} title="No image could be opened" retry={() => void session.open(null)} />
          {task && (
            <Button mt="sm" variant="default" onClick={() => void session.finish(true)}>
              Skip {task.image.file_name}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
