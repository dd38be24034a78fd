/** What leaves: SA-1B JSON or COCO, built in the background, downloaded when ready. */
import { Button, Card, Skeleton, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFileExport } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { datasetQuery, exportsQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { CreateExport } from "./CreateExport";
import { ExportRow } from "./ExportRow";

export function ExportsPage() {
  const { datasetId = "" } = useParams();
  const { data: dataset } = useQuery(datasetQuery(datasetId));
  const exports = useQuery(exportsQuery(datasetId));
  const admin = useMay("admin");
  const [creating, { open, close }] = useDisclosure();
  const create = admin && (
    <Button leftSection={<IconFileExport size={16} />} onClick={open}>
      New export
    </Button>
  );
  const newestFirst = [...(exports.data ?? [])].sort((a, b) => b.created_at.localeCompare(a.created_at));
  return (
    <Page width={1040}>
      <PageHeader
        title="Exports"
        description="The masks that review lets through, as they are at that moment, with a manifest of hashes."
        actions={create}
      />
      {exports.error && <ErrorNotice error={exports.error} retry={() => void exports.refetch()} />}
      {exports.isPending && <Skeleton h={96} />}
      {exports.data?.length === 0 && (
        <EmptyState icon={IconFileExport} title="No exports yet" action={dataset?.counts.masks ? create : null}>
          {dataset?.counts.masks === 0
            ? "There are no masks to export yet. Annotate some images first."
            : admin
              ? "Make one whenever you like; annotators are not disturbed."
              : "An admin makes exports; you can download them here."}
        </EmptyState>
      )}
      <Stack gap="sm">
        {newestFirst.map((one) => (
          <Card key={one.id} px="lg" py="md">
            <ExportRow item={one} />
          </Card>
        ))}
      </Stack>
      <CreateExport datasetId={datasetId} opened={creating} onClose={close} />
    </Page>
  );
}
