/** The typed client of the backend. Paths, parameters and bodies come from the generated schema. */
import createClient from "openapi-fetch";
import { problemError } from "./problem";
import type { paths } from "./schema";

export const api = createClient<paths>({ credentials: "same-origin" });

type SignedOutListener = () => void;
const signedOutListeners = new Set<SignedOutListener>();

/** Called on every 401 except the one that answers a sign-in. Returns the function that stops listening. */
export function onSignedOut(listener: SignedOutListener): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

api.use({
  onResponse({ response, request }) {
    const isSignIn = request.method === "POST" && new URL(request.url).pathname === "/api/session";
    if (response.status === 401 && !isSignIn) for (const listener of signedOutListeners) listener();
  },
});

interface Result<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a 2xx answer; throws an ApiError for any other. */
export async function unwrap<T>(pending: Promise<Result<T>>): Promise<T> {
  const { data, error, response } = await pending;
  if (!response.ok) throw problemError(response.status, error);
  return data as T;
}
