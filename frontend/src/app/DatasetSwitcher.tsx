/** From one dataset to another, staying on the same kind of page. */
import { Box, Menu, ScrollArea, Text, UnstyledButton } from "@mantine/core";
import { IconCheck, IconChevronDown, IconLayoutGrid, IconSelector } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useLocation, useNavigate } from "react-router";
import { datasetsQuery } from "../api/queries";
import { STAGES } from "../lib/stages";
import classes from "./Shell.module.css";

export function DatasetSwitcher({ datasetId }: { datasetId: string | undefined }) {
  const { data: datasets = [] } = useQuery(datasetsQuery);
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const current = datasets.find((dataset) => dataset.id === datasetId);
  const samePage = datasetId ? (pathname.split(`/datasets/${datasetId}`)[1] ?? "") : "";

  return (
    <Menu position="bottom-start" width={240}>
      <Menu.Target>
        <UnstyledButton className={classes.switcher} aria-label={`Dataset: ${current?.name ?? "none chosen"}. Switch`}>
          <Box flex={1} miw={0}>
            <Text size="sm" fw={600} truncate lh={1.3}>
              {current?.name ?? (datasetId ? "…" : "All datasets")}
            </Text>
            <Text size="xs" c="var(--ink-soft)" truncate lh={1.3}>
              {current ? `Stage ${current.stage} · ${STAGES[current.stage - 1]?.name}` : "Choose one to work on"}
            </Text>
          </Box>
          {datasetId ? <IconSelector size={16} /> : <IconChevronDown size={16} />}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <ScrollArea.Autosize mah={360}>
          {datasets.map((dataset) => (
            <Menu.Item
              key={dataset.id}
              onClick={() => navigate(`/datasets/${dataset.id}${samePage}`)}
              rightSection={dataset.id === datasetId ? <IconCheck size={14} /> : null}
            >
              {dataset.name}
            </Menu.Item>
          ))}
        </ScrollArea.Autosize>
        {datasets.length > 0 && <Menu.Divider />}
        <Menu.Item leftSection={<IconLayoutGrid size={16} />} onClick={() => navigate("/datasets")}>
          All datasets
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
