/**
 * The live connection: server-sent events -> stale cache entries.
 *
 * EventSource reconnects by itself after a dropped line but gives up on an HTTP error, so that case is retried here with a growing
 * pause. After every reconnect everything is stale, since events may have been missed. Bursts are gathered: at most one refetch per
 * key and `GATHER_MS`.
 */
import type { QueryClient } from "@tanstack/react-query";
import { create } from "zustand";
import { EVENT_NAMES, type EventName, staleKeys } from "./stale";

const GATHER_MS = 400;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export type Connection = "connecting" | "live" | "lost";
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

/** Opens the stream for as long as somebody is signed in. Returns the function that closes it. */
export function connectEvents(queryClient: QueryClient): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE_MS;
  let wasLost = false;
  const gathered = gatherer((queryKey) => void queryClient.invalidateQueries({ queryKey }));

  const receive = (name: EventName) => (message: MessageEvent<string>) => {
    const event = parseEvent(name, message.data);
    if (!event) return;
    for (const key of staleKeys(name, event.datasetId, event.data.state)) gathered.add(key);
    for (const listener of listeners) listener(event);
  };

  const open = () => {
    source = new EventSource("/api/events");
    source.onopen = () => {
      useConnection.setState({ state: "live" });
      pause = FIRST_PAUSE_MS;
      if (wasLost) void queryClient.invalidateQueries();
      wasLost = false;
    };
    source.onerror = () => {
      wasLost = true;
      useConnection.setState({ state: "lost" });
      if (source?.readyState !== EventSource.CLOSED) return;
      retry = setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    };
    for (const name of EVENT_NAMES) source.addEventListener(name, receive(name));
  };

  open();
  return () => {
    source?.close();
    clearTimeout(retry);
    gathered.stop();
    useConnection.setState({ state: "connecting" });
  };
}
