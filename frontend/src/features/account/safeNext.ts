/** Where to go after the sign-in. Only addresses of this page: a link must not be able to send people elsewhere. */
export function safeNext(next: string | null): string {
  return next?.startsWith("/") && !next.startsWith("//") && !next.startsWith("/\\") ? next : "/datasets";
}
