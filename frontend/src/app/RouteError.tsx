/** Addresses that lead nowhere, and pages that broke. */
import { Button, Code, Group, Loader } from "@mantine/core";
import { IconMapOff, IconMoodSad, IconRefresh } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { isRouteErrorResponse, Link, useRouteError } from "react-router";
import { afterMissingFile, isMissingFile, type Outcome } from "../lib/newVersion";
import { EmptyState } from "../ui/EmptyState";
import { Page } from "../ui/Page";
import { Splash } from "./Splash";

export function NotFound() {
  return (
    <Page>
      <EmptyState
        icon={IconMapOff}
        title="There is nothing at this address"
        action={
          <Button component={Link} to="/datasets" variant="default">
            To the datasets
          </Button>
        }
      >
        It may have been deleted, or the link is incomplete.
      </EmptyState>
    </Page>
  );
}

export function RouteError() {
  const error = useRouteError();
  if (isRouteErrorResponse(error) && error.status === 404) return <NotFound />;
  if (isMissingFile(error)) return <MissingFile />;
  return (
    <Broken title="This page broke">
      What you labelled is saved. Reload the page; if it breaks again, tell an admin this:{" "}
      <Code>{error instanceof Error ? error.message : String(error)}</Code>
    </Broken>
  );
}

const SAID: Record<Exclude<Outcome, "reloading">, [string, string]> = {
  held: [
    "Maskloom was updated",
    "Reload to get the new version, when nothing is being sent any more. What you labelled is saved.",
  ],
  same: [
    "This page could not be loaded",
    "A file of it is missing on the server. Reload; if that does not help, tell an admin.",
  ],
  unreachable: [
    "The server cannot be reached",
    "What you labelled is saved in this browser. Try again when the connection is back.",
  ],
};

/** A part of the page did not come: mostly because the page is older than the server. */
function MissingFile() {
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  useEffect(() => void afterMissingFile().then(setOutcome), []);
  if (outcome === null) return <Splash />;
  if (outcome === "reloading")
    return (
      <Page>
        <EmptyState icon={IconRefresh} title="Maskloom was updated" action={<Loader aria-label="Loading" />}>
          The new version is being loaded. What you labelled is saved.
        </EmptyState>
      </Page>
    );
  const [title, text] = SAID[outcome];
  return <Broken title={title}>{text}</Broken>;
}

function Broken({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Page>
      <EmptyState
        icon={IconMoodSad}
        title={title}
        action={
          <Group>
            <Button onClick={() => window.location.reload()}>Reload</Button>
            <Button component="a" href="/datasets" variant="default">
              To the datasets
            </Button>
          </Group>
        }
      >
        {children}
      </EmptyState>
    </Page>
  );
}
