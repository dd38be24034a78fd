/** All datasets as cards. */
import { Button, SimpleGrid, Skeleton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconLayoutGridAdd, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { datasetsQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { CreateDataset } from "./CreateDataset";
import { DatasetCard } from "./DatasetCard";

export function DatasetsPage() {
  const datasets = useQuery(datasetsQuery);
  const admin = useMay("admin");
  const [creating, { open, close }] = useDisclosure();
  const create = admin && (
    <Button leftSection={<IconPlus size={16} />} onClick={open}>
      New dataset
    </Button>
  );
  return (
    <Page>
      <PageHeader
        title="Datasets"
        description="Images to label, each set with its own model, rounds and stage."
        actions={create}
      />
      {datasets.error && <ErrorNotice error={datasets.error} retry={() => void datasets.refetch()} />}
      {datasets.data?.length === 0 && (
        <EmptyState icon={IconLayoutGridAdd} title="No datasets yet" action={create}>
          {admin
            ? "Make one, add images, and start clicking."
            : "An admin makes datasets; they appear here by themselves."}
        </EmptyState>
      )}
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} spacing="lg">
        {datasets.isPending && [1, 2, 3].map((key) => <Skeleton key={key} h={278} />)}
        {datasets.data?.map((dataset) => (
          <DatasetCard key={dataset.id} dataset={dataset} />
        ))}
      </SimpleGrid>
      <CreateDataset opened={creating} onClose={close} />
    </Page>
  );
}
