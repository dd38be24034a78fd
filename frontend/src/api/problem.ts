/** Errors of the API as one class. The backend answers with problem documents (RFC 9457) whose detail says what to do. */

export interface Problem {
  title?: string;
  status?: number;
  detail?: unknown;
  code?: string;
  [extra: string]: unknown;
}

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly problem: Problem = {},
  ) {
    super(message);
  }
}

const FALLBACK: Record<number, string> = {
  401: "You are signed out. Sign in again.",
  403: "Your role does not allow this. Ask an admin.",
  404: "This does not exist (any more).",
  413: "This is too large. Send it in smaller parts.",
  502: "The server is not answering. Check that `maskloom up` is running.",
  503: "The server is busy or starting. Try again in a moment.",
  504: "The server took too long. Try again in a moment.",
};

/** The error for a response that is not 2xx. `body` is whatever could be read of it. */
export function problemError(status: number, body: unknown): ApiError {
  const problem: Problem = typeof body === "object" && body !== null ? (body as Problem) : {};
  const detail = typeof problem.detail === "string" && problem.detail !== "" ? problem.detail : undefined;
  const message =
    detail ??
    FALLBACK[status] ??
    `The server answered with an error (${status}). Try again; if it stays, tell an admin.`;
  return new ApiError(status, problem.code ?? `http_${status}`, message, problem);
}

export const isSignedOut = (error: unknown): boolean => error instanceof ApiError && error.status === 401;

/** What to tell a person about anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (error instanceof TypeError)
    return "The server cannot be reached. Check the network and that `maskloom up` is running.";
  if (error instanceof Error) return error.message;
  return "Something went wrong. Reload the page and try again.";
}
