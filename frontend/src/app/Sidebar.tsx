/** Navigation: the dataset at hand first, then what all datasets share, then the account. */
import { ActionIcon, AppShell, Group, ScrollArea, Stack, Text, Tooltip } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { Link, NavLink, useParams } from "react-router";
import { useUser } from "../api/session";
import { Logo, Mark } from "../ui/Logo";
import { AccountMenu } from "./AccountMenu";
import { ConnectionState } from "./ConnectionState";
import { DatasetSwitcher } from "./DatasetSwitcher";
import { datasetNavigation, globalNavigation, type NavItem } from "./navigation";
import classes from "./Shell.module.css";

interface Props {
  /** Icons only. */
  rail: boolean;
  onClose?: (() => void) | undefined;
}

export function Sidebar({ rail, onClose }: Props) {
  const { datasetId } = useParams();
  const { role } = useUser();
  return (
    <>
      <AppShell.Section className={classes.section}>
        <Group justify={rail ? "center" : "space-between"} h={34} px={rail ? 0 : 6} mb={rail ? 0 : 6}>
          <Link to="/datasets" className={classes.brand} aria-label="Maskloom: all datasets">
            {rail ? <Mark /> : <Logo />}
          </Link>
          {onClose && (
            <ActionIcon variant="subtle" color="gray" onClick={onClose} aria-label="Close the menu">
              <IconX size={18} />
            </ActionIcon>
          )}
        </Group>
        {!rail && <DatasetSwitcher datasetId={datasetId} />}
      </AppShell.Section>
      <AppShell.Section grow component={ScrollArea} className={rail ? classes.rail : undefined}>
        {datasetId && <Links items={datasetNavigation(datasetId, role)} rail={rail} />}
        <Links items={globalNavigation(role)} rail={rail} title={datasetId ? "Everything" : undefined} />
      </AppShell.Section>
      <AppShell.Section className={`${classes.section} ${classes.line}`}>
        <Stack gap={6} align={rail ? "center" : "stretch"}>
          <ConnectionState rail={rail} />
          <AccountMenu rail={rail} />
        </Stack>
      </AppShell.Section>
    </>
  );
}

function Links({ items, rail, title }: { items: NavItem[]; rail: boolean; title?: string | undefined }) {
  return (
    <Stack gap={2} className={classes.section} pt={title && !rail ? 4 : 0}>
      {title && !rail && (
        <Text size="xs" c="var(--ink-soft)" px={10} pb={4}>
          {title}
        </Text>
      )}
      {items.map(({ to, label, icon: Icon, exact }) => (
        <Tooltip key={to} label={label} position="right" disabled={!rail} openDelay={0}>
          <NavLink to={to} end={exact ?? false} className={classes.link} aria-label={rail ? label : undefined}>
            <Icon size={18} stroke={1.7} />
            {!rail && label}
          </NavLink>
        </Tooltip>
      ))}
    </Stack>
  );
}
