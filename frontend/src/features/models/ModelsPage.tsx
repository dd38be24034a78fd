/** Every model version, where it came from, how good it is, and where it is in use. */
import { Badge, Box, Button, Card, Group, Skeleton, Table, Text, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBoxModel2, IconCornerDownRight, IconUpload } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { datasetsQuery, jobsQuery, modelsQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import type { Dataset, Model } from "../../api/types";
import { score, shortHash } from "../../lib/format";
import { Ago } from "../../ui/Ago";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { ActivateMenu } from "./ActivateMenu";
import { lineageRows } from "./lineage";
import { UploadModel } from "./UploadModel";

export function ModelsPage() {
  const models = useQuery(modelsQuery);
  const { data: datasets = [] } = useQuery(datasetsQuery);
  const admin = useMay("admin");
  const [uploading, { open, close }] = useDisclosure();
  return (
    <Page>
      <PageHeader
        title="Models"
        description="Versions with the same encoder share all embeddings; another encoder means embedding the images anew."
        actions={
          admin && (
            <Button leftSection={<IconUpload size={16} />} onClick={open}>
              Upload a checkpoint
            </Button>
          )
        }
      />
      {models.error && <ErrorNotice error={models.error} retry={() => void models.refetch()} />}
      {models.isPending && <Skeleton h={260} />}
      {models.data?.length === 0 && <NoModels />}
      {models.data && models.data.length > 0 && (
        <Card p={0}>
          <Table.ScrollContainer minWidth={820}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Version</Table.Th>
                  <Table.Th ta="right">mIoU, 1 click</Table.Th>
                  <Table.Th ta="right">5 clicks</Table.Th>
                  <Table.Th>Encoder</Table.Th>
                  <Table.Th>Made</Table.Th>
                  <Table.Th>In use by</Table.Th>
                  {admin && <Table.Th w={110} aria-label="Actions" />}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {lineageRows(models.data).map(({ model, depth }) => (
                  <ModelRow key={model.id} model={model} depth={depth} datasets={datasets} admin={admin} />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </Card>
      )}
      <UploadModel opened={uploading} onClose={close} />
    </Page>
  );
}

/** The packaged model is registered by a job; when that failed, its reason is what to show. */
function NoModels() {
  const { data } = useInfiniteQuery(jobsQuery({ state: "failed" }));
  const failed = data?.pages[0]?.items.find((job) => job.kind === "registry.register" && job.created_by === null);
  if (failed)
    return (
      <ErrorNotice
        error={new Error(failed.error ?? "Look at it under Jobs.")}
        title="The packaged model could not be registered"
      />
    );
  return (
    <EmptyState icon={IconBoxModel2} title="The first model is being prepared">
      Maskloom brings one along; it appears here as soon as it is exported for the browser.
    </EmptyState>
  );
}

interface RowProps {
  model: Model;
  depth: number;
  datasets: Dataset[];
  admin: boolean;
}

function ModelRow({ model, depth, datasets, admin }: RowProps) {
  const usedBy = datasets.filter((dataset) => model.active_in.includes(dataset.id));
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap={6} wrap="nowrap" pl={Math.max(0, depth - 1) * 20}>
          {depth > 0 && <IconCornerDownRight size={14} color="var(--ink-soft)" aria-label="made from the one above" />}
          <Box miw={0}>
            <Text size="sm" fw={550}>
              {model.name}
            </Text>
            <Text size="xs" c="var(--ink-soft)">
              {model.image_size} px, grid {model.grid} × {model.grid}
            </Text>
          </Box>
        </Group>
      </Table.Td>
      <Table.Td ta="right" className="tabular">
        {score(model.metrics.miou_1)}
      </Table.Td>
      <Table.Td ta="right" className="tabular">
        {score(model.metrics.miou_5)}
      </Table.Td>
      <Table.Td>
        <Tooltip label={`encoder ${model.encoder_sha256}\ndecoder ${model.decoder_sha256}`} multiline maw={360}>
          <Group gap={6} wrap="nowrap" w="fit-content">
            <Box w={9} h={9} bg={hueOf(model.encoder_sha256)} style={{ borderRadius: 3 }} />
            <Text size="xs" ff="monospace">
              {shortHash(model.encoder_sha256)}
            </Text>
          </Group>
        </Tooltip>
      </Table.Td>
      <Table.Td>
        <Text size="xs" c="var(--ink-soft)">
          <Ago at={model.created_at} />
        </Text>
      </Table.Td>
      <Table.Td>
        <Group gap={4}>
          {usedBy.map((dataset) => (
            <Badge key={dataset.id}>{dataset.name}</Badge>
          ))}
        </Group>
      </Table.Td>
      {admin && (
        <Table.Td ta="right">
          <ActivateMenu model={model} datasets={datasets} />
        </Table.Td>
      )}
    </Table.Tr>
  );
}

/** The same encoder has the same colour everywhere. */
function hueOf(sha256: string): string {
  return `hsl(${Number.parseInt(sha256.slice(0, 6), 16) % 360} 55% 52%)`;
}
