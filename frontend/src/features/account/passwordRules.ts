/** What a new password must be; the backend checks again. */

export const SHORTEST_PASSWORD = 8;

export function passwordProblem(password: string, again: string, current: string): string | null {
  if (password.length < SHORTEST_PASSWORD)
    return `Use at least ${SHORTEST_PASSWORD} characters. A few words are easy to remember.`;
  if (password === current) return "Choose a password other than the present one.";
  if (password !== again) return "The two new passwords differ. Type the second one again.";
  return null;
}
