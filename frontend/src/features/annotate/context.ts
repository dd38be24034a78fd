/** The page's session for its parts; each part subscribes to the values it shows. */
import { createContext, useContext } from "react";
import { useStore } from "zustand";
import type { AnnotateSession } from "./session/session";
import type { SessionState } from "./session/state";

export const SessionContext = createContext<AnnotateSession | null>(null);

export function useSession(): AnnotateSession {
  const session = useContext(SessionContext);
  if (!session) throw new Error("A part of the annotation page was used outside of it.");
  return session;
}

export const useSessionState = <T>(select: (state: SessionState) => T): T => useStore(useSession().store, select);
