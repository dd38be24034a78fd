/** The frame of every signed-in page: navigation at the side, a bar with a burger on small screens. Full pages get a narrow rail. */
import { AppShell, Burger, Group } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { useEffect } from "react";
import { Link, Outlet, useLocation, useMatches } from "react-router";
import { Logo } from "../ui/Logo";
import classes from "./Shell.module.css";
import { Sidebar } from "./Sidebar";

export function Shell() {
  const [opened, { toggle, close }] = useDisclosure();
  const small = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const { pathname } = useLocation();
  const full = useMatches().some((match) => (match.handle as { full?: boolean } | undefined)?.full);
  const rail = full && !small;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new address closes the menu
  useEffect(close, [pathname]);

  return (
    <AppShell
      layout="alt"
      header={{ height: 52, collapsed: !small }}
      navbar={{ width: rail ? 60 : 228, breakpoint: "sm", collapsed: { mobile: !opened } }}
      transitionDuration={0}
    >
      <a href="#main" className="skip-link">
        Skip to the page
      </a>
      <AppShell.Header hiddenFrom="sm">
        <Group h="100%" px="sm" gap="sm">
          <Burger opened={opened} onClick={toggle} size="sm" aria-label="Menu" />
          <Link to="/datasets" className={classes.brand}>
            <Logo />
          </Link>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar className={classes.navbar} aria-label="Main">
        <Sidebar rail={rail} onClose={small ? close : undefined} />
      </AppShell.Navbar>
      <AppShell.Main id="main" className={classes.main} tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}
