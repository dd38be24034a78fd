/** What an import took, and every file it refused or left out with the reason. */
import { Alert, Group, ScrollArea, Stack, Table, Text } from "@mantine/core";
import { IconCircleCheck, IconCopyOff, IconFileAlert } from "@tabler/icons-react";
import { plural } from "../lib/format";
import type { ImportReport, ReportLine } from "../lib/importReport";

export function ReportView({ report }: { report: ImportReport }) {
  const taken = [
    `${plural(report.accepted, "image")} added`,
    ...(report.masks ? [`${plural(report.masks, "mask")} added`] : []),
    ...(report.duplicates ? [`${plural(report.duplicates, "duplicate")} left out`] : []),
  ];
  return (
    <Stack gap="sm">
      <Group gap={6} wrap="nowrap">
        {report.accepted + report.masks + report.duplicates > 0 && (
          <IconCircleCheck size={18} color="var(--mantine-color-green-6)" />
        )}
        <Text size="sm">{taken.join(", ")}.</Text>
      </Group>
      {report.refused.length > 0 && (
        <Alert
          color="orange"
          icon={<IconFileAlert size={18} />}
          title={`${plural(report.refused.length, "entry", "entries")} refused`}
        >
          <Lines lines={report.refused} />
        </Alert>
      )}
      {report.duplicateFiles.length > 0 && (
        <Alert
          color="gray"
          icon={<IconCopyOff size={18} />}
          title={report.duplicates === 1 ? "The duplicate" : "The duplicates"}
        >
          <Lines lines={report.duplicateFiles} />
        </Alert>
      )}
    </Stack>
  );
}

function Lines({ lines }: { lines: readonly ReportLine[] }) {
  return (
    <ScrollArea.Autosize mah={260}>
      <Table highlightOnHover={false} withRowBorders={false} verticalSpacing={4} horizontalSpacing={0}>
        <Table.Tbody>
          {lines.map((file, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: names may repeat and the list never changes
            <Table.Tr key={index}>
              <Table.Td pr="md" style={{ verticalAlign: "top", wordBreak: "break-all", width: "35%" }}>
                <Text size="xs" ff="monospace">
                  {file.name}
                </Text>
              </Table.Td>
              <Table.Td>
                <Text size="xs">{file.reason}</Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea.Autosize>
  );
}
