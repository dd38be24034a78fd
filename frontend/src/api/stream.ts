/**
 * The server's stream of events, one for all tabs of a browser where it can be shared.
 *
 * A browser opens six connections to a server over HTTP/1.1, whatever the number of its tabs, and a stream holds one for good: with
 * one for each tab the seventh would load nothing. So a shared worker holds it and hands the events on; a browser without shared workers
 * (Chrome on Android) has a stream in each tab. EventSource reconnects by itself after a dropped line but gives up on an HTTP error, so
 * that case is retried here with a growing pause, or at once when somebody new asks.
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

export interface Stream {
  close(): void;
  /** Tries now what waits for its next try. */
  retry(): void;
}

/** Opens a stream of this thread's own. */
export function openStream({ onState, onEvent }: StreamListener): Stream {
  let source: EventSource | undefined;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE_MS;
  const open = () => {
    waiting = undefined;
    source = new EventSource("/api/events");
    source.onopen = () => {
      pause = FIRST_PAUSE_MS;
      onState("live");
    };
    source.onerror = () => {
      onState("lost");
      if (source?.readyState !== EventSource.CLOSED) return;
      waiting = setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    };
    for (const name of EVENT_NAMES) {
      source.addEventListener(name, (message: MessageEvent<string>) => onEvent(name, message.data));
    }
  };
  open();
  return {
    close() {
      source?.close();
      clearTimeout(waiting);
    },
    retry() {
      if (waiting === undefined) return;
      clearTimeout(waiting);
      pause = FIRST_PAUSE_MS;
      open();
    },
  };
}

type Tab = { postMessage(message: FromStream): void };

/** The shared worker's part: one stream while at least one tab listens. */
export function shareStream(open: (listener: StreamListener) => Stream = openStream) {
  const tabs = new Set<Tab>();
  let state: Connection = "connecting";
  let stream: Stream | undefined;
  const tell = (message: FromStream) => {
    for (const tab of tabs) tab.postMessage(message);
  };
  const listener: StreamListener = {
    onState(now) {
      state = now;
      tell({ state });
    },
    onEvent: (name, text) => tell({ name, text }),
  };
  return {
    join(tab: Tab): void {
      tabs.add(tab);
      tab.postMessage({ state });
      if (stream) stream.retry();
      else stream = open(listener);
    },
    leave(tab: Tab): void {
      tabs.delete(tab);
      if (tabs.size > 0) return;
      stream?.close();
      stream = undefined;
      state = "connecting";
    },
  };
}

/** Joins the stream that all tabs share, or opens one where there is none to be had. Returns the function that leaves it. */
export function joinStream(listener: StreamListener): () => void {
  if (typeof SharedWorker === "undefined") return openStream(listener).close;
  const worker = new SharedWorker(new URL("./stream.worker.ts", import.meta.url), { type: "module", name: "events" });
  const { port } = worker;
  const say = (message: ToStream) => port.postMessage(message);
  let failed = false;
  let own: Stream | undefined;
  const join = () => {
    if (failed) own = openStream(listener);
    else say("join");
  };
  const leave = () => {
    own?.close();
    say("leave");
  };
  // A page that the browser kept aside comes back, and has missed what happened meanwhile.
  const comeBack = (event: PageTransitionEvent) => {
    if (!event.persisted) return;
    listener.onState("lost");
    join();
  };
  port.onmessage = ({ data }: MessageEvent<FromStream>) => {
    if ("state" in data) listener.onState(data.state);
    else listener.onEvent(data.name, data.text);
  };
  worker.onerror = () => {
    failed = true;
    join();
  };
  addEventListener("pagehide", leave);
  addEventListener("pageshow", comeBack);
  join();
  return () => {
    worker.onerror = null;
    removeEventListener("pagehide", leave);
    removeEventListener("pageshow", comeBack);
    leave();
    port.close();
  };
}
