/**
 * The one-time password on its way from the sign-in to the form that replaces it: in memory only, so that nobody types
 * it twice. After a reload it is gone, and the form asks for it.
 */
let typed = "";

export function keepOneTime(password: string): void {
  typed = password;
}

export function oneTimePassword(): string {
  return typed;
}
