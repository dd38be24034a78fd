/** How a dataset is reviewed, when its rounds and stages turn, and its end. */
import { Card, Skeleton, Stack, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { datasetQuery } from "../../api/queries";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { DeleteDataset } from "./DeleteDataset";
import { SettingsForm } from "./SettingsForm";

export function SettingsPage() {
  const { datasetId = "" } = useParams();
  const { data: dataset } = useQuery(datasetQuery(datasetId));
  return (
    <Page width={760}>
      <PageHeader title="Settings" description={dataset?.name} />
      {dataset ? (
        <Stack gap="lg">
          <SettingsForm key={dataset.id} dataset={dataset} />
          <Card p="lg" style={{ borderColor: "var(--mantine-color-red-light-hover)" }}>
            <Title order={2} mb={4}>
              Delete this dataset
            </Title>
            <DeleteDataset dataset={dataset} />
          </Card>
        </Stack>
      ) : (
        <Skeleton h={480} />
      )}
    </Page>
  );
}
