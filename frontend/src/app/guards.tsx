/** Who may see what. The backend refuses by itself; these spare people from pages that would only be refused. */
import { Button } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link, Navigate, Outlet, useLocation, useParams } from "react-router";
import { connectEvents } from "../api/events";
import { ApiError } from "../api/problem";
import { datasetQuery, sessionQuery } from "../api/queries";
import { useMay } from "../api/session";
import { EmptyState } from "../ui/EmptyState";
import { ErrorNotice } from "../ui/ErrorNotice";
import { Page } from "../ui/Page";
import { ForcedPassword } from "./ForcedPassword";
import { NotFound } from "./RouteError";
import { Splash } from "./Splash";

export function SignedIn() {
  const session = useQuery(sessionQuery);
  const queryClient = useQueryClient();
  const location = useLocation();
  const ready = Boolean(session.data && !session.data.must_change_password);
  useEffect(() => (ready ? connectEvents(queryClient) : undefined), [ready, queryClient]);

  if (session.isPending) return <Splash />;
  if (session.data === undefined) {
    return (
      <Page width={520}>
        <ErrorNotice error={session.error} title="Maskloom does not answer" retry={() => void session.refetch()} />
      </Page>
    );
  }
  if (session.data === null) {
    const next = `${location.pathname}${location.search}`;
    return <Navigate to={next === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(next)}`} replace />;
  }
  return session.data.must_change_password ? <ForcedPassword /> : <Outlet />;
}

export function AdminOnly() {
  return useMay("admin") ? <Outlet /> : <NotAllowed who="an admin" />;
}

export function ReviewerOnly() {
  return useMay("reviewer") ? <Outlet /> : <NotAllowed who="a reviewer" />;
}

function NotAllowed({ who }: { who: string }) {
  return (
    <Page>
      <EmptyState
        icon={IconLock}
        title={`This page needs ${who}`}
        action={
          <Button component={Link} to="/datasets" variant="default">
            To the datasets
          </Button>
        }
      >
        Your role does not include it. An admin can change roles under Users.
      </EmptyState>
    </Page>
  );
}

/** Pages of one dataset: they find it loaded, or the reader finds out why not. */
export function DatasetScope() {
  const { datasetId = "" } = useParams();
  const { error, refetch, data } = useQuery(datasetQuery(datasetId));
  if (error instanceof ApiError && (error.status === 404 || error.status === 422)) return <NotFound />;
  if (error && !data) {
    return (
      <Page>
        <ErrorNotice error={error} retry={() => void refetch()} />
      </Page>
    );
  }
  return <Outlet />;
}
