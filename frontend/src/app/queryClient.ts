/** The cache of what the backend said. Events keep it fresh, so nothing polls; it is refetched on focus only when it is old. */
import { QueryClient } from "@tanstack/react-query";
import { onSignedOut } from "../api/client";
import { keys } from "../api/keys";
import { ApiError } from "../api/problem";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      // A refusal stays a refusal; only a silent or stumbling server is asked again.
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500),
    },
  },
});

// The guard shows the sign-in over the current address as soon as the session is gone.
onSignedOut(() => queryClient.setQueryData(keys.session, null));
