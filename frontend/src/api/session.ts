/** Who is signed in, for every page behind the sign-in. */
import { useQuery } from "@tanstack/react-query";
import { atLeast, type RoleName } from "../lib/roles";
import { sessionQuery } from "./queries";
import type { User } from "./types";

/** The signed-in user. Pages call it below the guard, which shows them only when there is one. */
export function useUser(): User {
  const { data } = useQuery(sessionQuery);
  if (!data) throw new Error("useUser was called outside of the signed-in part of the page.");
  return data;
}

export function useMay(needed: RoleName): boolean {
  return atLeast(useUser().role, needed);
}
