/** All addresses of the page. Each page loads on first visit; the editor and the plots bring heavy libraries along. */
import type { ComponentType } from "react";
import { createBrowserRouter, Navigate, type RouteObject } from "react-router";
import { AdminOnly, DatasetScope, ReviewerOnly, SignedIn } from "./guards";
import { NotFound, RouteError } from "./RouteError";
import { Shell } from "./Shell";
import { Splash } from "./Splash";

function page(path: string, load: () => Promise<ComponentType>, handle?: RouteObject["handle"]): RouteObject {
  return { path, handle, lazy: async () => ({ Component: await load() }) };
}

const datasetPages: RouteObject[] = [
  page("", async () => (await import("../features/datasets/OverviewPage")).OverviewPage),
  page("annotate", async () => (await import("../features/annotate/AnnotatePage")).AnnotatePage, { full: true }),
  page("rounds", async () => (await import("../features/rounds/RoundsPage")).RoundsPage),
  page("exports", async () => (await import("../features/exports/ExportsPage")).ExportsPage),
  {
    Component: ReviewerOnly,
    children: [page("review", async () => (await import("../features/review/ReviewPage")).ReviewPage, { full: true })],
  },
  {
    Component: AdminOnly,
    children: [page("settings", async () => (await import("../features/datasets/SettingsPage")).SettingsPage)],
  },
];

const signedInPages: RouteObject[] = [
  { index: true, element: <Navigate to="/datasets" replace /> },
  page("datasets", async () => (await import("../features/datasets/DatasetsPage")).DatasetsPage),
  { path: "datasets/:datasetId", Component: DatasetScope, children: datasetPages },
  page("models", async () => (await import("../features/models/ModelsPage")).ModelsPage),
  page("jobs", async () => (await import("../features/jobs/JobsPage")).JobsPage),
  page("account", async () => (await import("../features/account/AccountPage")).AccountPage),
  {
    Component: AdminOnly,
    children: [page("users", async () => (await import("../features/users/UsersPage")).UsersPage)],
  },
  { path: "*", Component: NotFound },
];

export const router = createBrowserRouter([
  {
    ErrorBoundary: RouteError,
    HydrateFallback: Splash,
    children: [
      { ...page("/sign-in", async () => (await import("../features/account/SignInPage")).SignInPage) },
      {
        path: "/",
        Component: SignedIn,
        children: [{ Component: Shell, children: [{ ErrorBoundary: RouteError, children: signedInPages }] }],
      },
    ],
  },
]);
