/**
 * The live connection: server-sent events -> stale cache entries.
 *
 * After every reconnect everything is stale, since events may have been missed. Bursts are gathered: at most one refetch per key and
 * `GATHER_MS`.
 */
import type { QueryClient } from "@tanstack/react-query";
import { create } from "zustand";
import { type EventName, staleKeys } from "./stale";
import { type Connection, joinStream } from "./stream";

const GATHER_MS = 400;

export type { Connection };
export const useConnection = create<{ state: Connection }>(() => ({ state: "connecting" }));

export interface LiveEvent {
  name: EventName;
  datasetId: string | null;
  data: Record<string, unknown>;
}

type Listener = (event: LiveEvent) => void;
const listeners = new Set<Listener>();

/** For parts that want the event itself, such as the editor on `model.activated`. Returns the function that stops listening. */
export function onLiveEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function parseEvent(name: EventName, text: string): LiveEvent | null {
  try {
    const data = JSON.parse(text) as Record<string, unknown>;
    return { name, data, datasetId: typeof data.dataset_id === "string" ? data.dataset_id : null };
  } catch {
    return null;
  }
}

/** Gathers keys and hands each to `flush` at most once per `GATHER_MS`. */
function gatherer(flush: (key: readonly unknown[]) => void) {
  const waiting = new Map<string, readonly unknown[]>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    add(key: readonly unknown[]) {
      waiting.set(JSON.stringify(key), key);
      timer ??= setTimeout(() => {
        timer = undefined;
        const due = [...waiting.values()];
        waiting.clear();
        for (const one of due) flush(one);
      }, GATHER_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Listens for as long as somebody is signed in. Returns the function that stops it. */
export function connectEvents(queryClient: QueryClient): () => void {
  let wasLost = false;
  const gathered = gatherer((queryKey) => void queryClient.invalidateQueries({ queryKey }));
  const leave = joinStream({
    onState: (state) => {
      useConnection.setState({ state });
      if (state === "live" && wasLost) void queryClient.invalidateQueries();
      if (state !== "connecting") wasLost = state === "lost";
    },
    onEvent: (name, text) => {
      const event = parseEvent(name, text);
      if (!event) return;
      for (const key of staleKeys(name, event.datasetId, event.data.state)) gathered.add(key);
      for (const listener of listeners) listener(event);
    },
  });
  return () => {
    leave();
    gathered.stop();
    useConnection.setState({ state: "connecting" });
  };
}
