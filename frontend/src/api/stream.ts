/**
 * The server's stream of events, one for all tabs of a browser where it can be shared.
 *
 * A browser opens six connections to a server over HTTP/1.1, whatever the number of its tabs, and a stream holds one for good: with one
 * for each tab the seventh would load nothing. So a shared worker holds it and hands the events on; a browser without shared workers
 * (Chrome on Android) has a stream in each tab. EventSource reconnects by itself after a dropped line but gives up on an HTTP error, so that
 * case is retried here with a growing pause.
 */
import { EVENT_NAMES, type EventName } from "./stale";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export type Connection = "connecting" | "live" | "lost";

/** What a stream tells: how the line is, and each event with the text it came with. */
export interface StreamListener {
  onState(state: Connection): void;
  onEvent(name: EventName, text: string): void;
}

/** From a tab to the shared worker, and back. */
export type ToStream = "join" | "leave";
export type FromStream = { state: Connection } | { name: EventName; text: string };

/** Opens a stream of this thread's own. Returns the function that closes it. */
export function openStream({ onState, onEvent }: StreamListener): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE_MS;
  const open = () => {
    source = new EventSource("/api/events");
    source.onopen = () => {
      pause = FIRST_PAUSE_MS;
      onState("live");
    };
    source.onerror = () => {
      onState("lost");
      if (source?.readyState !== EventSource.CLOSED) return;
      retry = setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    };
    for (const name of EVENT_NAMES) {
      source.addEventListener(name, (message: MessageEvent<string>) => onEvent(name, message.data));
    }
  };
  open();
  return () => {
    source?.close();
    clearTimeout(retry);
  };
}

/** Joins the stream that all tabs share, or opens one where there is none to be had. Returns the function that leaves it. */
export function joinStream(listener: StreamListener): () => void {
  if (typeof SharedWorker === "undefined") return openStream(listener);
  let own: (() => void) | undefined;
  const worker = new SharedWorker(new URL("./stream.worker.ts", import.meta.url), { type: "module", name: "events" });
  const { port } = worker;
  const say = (message: ToStream) => port.postMessage(message);
  port.onmessage = ({ data }: MessageEvent<FromStream>) => {
    if ("state" in data) listener.onState(data.state);
    else listener.onEvent(data.name, data.text);
  };
  worker.onerror = () => {
    own ??= openStream(listener);
  };
  const leave = () => say("leave");
  // A page that the browser kept aside comes back, and has missed what happened meanwhile.
  const comeBack = (event: PageTransitionEvent) => {
    if (!event.persisted) return;
    listener.onState("lost");
    say("join");
  };
  addEventListener("pagehide", leave);
  addEventListener("pageshow", comeBack);
  say("join");
  return () => {
    removeEventListener("pagehide", leave);
    removeEventListener("pageshow", comeBack);
    leave();
    port.close();
    own?.();
  };
}
