/** An evaluation's figures before and after, side by side. */
import { Table } from "@mantine/core";
import { NOTHING, score } from "../lib/format";
import { isBetter, type MetricRow } from "../lib/metrics";

export function Comparison({ rows }: { rows: MetricRow[] }) {
  if (rows.length === 0) return null;
  return (
    <Table
      verticalSpacing={3}
      horizontalSpacing="xs"
      withRowBorders={false}
      highlightOnHover={false}
      fz="sm"
      className="tabular"
    >
      <Table.Thead>
        <Table.Tr>
          <Table.Th fw={400} fz="xs" c="var(--ink-soft)">
            Held-out images
          </Table.Th>
          <Table.Th fw={400} fz="xs" c="var(--ink-soft)" ta="right">
            before
          </Table.Th>
          <Table.Th fw={400} fz="xs" c="var(--ink-soft)" ta="right">
            after
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.key}>
            <Table.Td>{row.label}</Table.Td>
            <Table.Td ta="right">{figure(row, row.before)}</Table.Td>
            <Table.Td ta="right" fw={600} c={colorOf(isBetter(row))}>
              {figure(row, row.after)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function figure(row: MetricRow, value: number | null): string {
  if (value === null) return NOTHING;
  return row.key.startsWith("noc") ? value.toFixed(2) : score(value);
}

function colorOf(better: boolean | null): string | undefined {
  if (better === null) return undefined;
  return better ? "green" : "orange";
}
