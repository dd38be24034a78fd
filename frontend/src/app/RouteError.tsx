/** Addresses that lead nowhere, and pages that broke. */
import { Button, Code, Group } from "@mantine/core";
import { IconMapOff, IconMoodSad } from "@tabler/icons-react";
import { isRouteErrorResponse, Link, useRouteError } from "react-router";
import { EmptyState } from "../ui/EmptyState";
import { Page } from "../ui/Page";

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

/** A new release replaces the files a page that is still open would load later. */
function isStalePage(error: unknown): boolean {
  return error instanceof TypeError && /dynamically imported module|module script|preload/i.test(error.message);
}

export function RouteError() {
  const error = useRouteError();
  if (isRouteErrorResponse(error) && error.status === 404) return <NotFound />;
  const stale = isStalePage(error);
  return (
    <Page>
      <EmptyState
        icon={IconMoodSad}
        title={stale ? "Maskloom was updated" : "This page broke"}
        action={
          <Group>
            <Button onClick={() => window.location.reload()}>Reload</Button>
            <Button component="a" href="/datasets" variant="default">
              To the datasets
            </Button>
          </Group>
        }
      >
        {stale ? (
          "Reload to get the new version. What you labelled is saved."
        ) : (
          <>
            What you labelled is saved. Reload the page; if it breaks again, tell an admin this:{" "}
            <Code>{error instanceof Error ? error.message : String(error)}</Code>
          </>
        )}
      </EmptyState>
    </Page>
  );
}
