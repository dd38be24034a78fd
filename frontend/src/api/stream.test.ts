import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FromStream, joinStream, openStream, type Stream, type StreamListener, shareStream } from "./stream";

class HandSource {
  static readonly CLOSED = 2;
  static all: HandSource[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  readonly heard = new Map<string, (message: { data: string }) => void>();

  constructor(readonly url: string) {
    HandSource.all.push(this);
  }

  addEventListener(name: string, hear: (message: { data: string }) => void) {
    this.heard.set(name, hear);
  }

  close() {
    this.readyState = HandSource.CLOSED;
  }

  refuse() {
    this.readyState = HandSource.CLOSED;
    this.onerror?.();
  }
}

class HandWorker {
  static last: HandWorker;
  onerror: (() => void) | null = null;
  readonly said: string[] = [];
  readonly port = {
    onmessage: null as ((message: { data: FromStream }) => void) | null,
    postMessage: (message: string) => void this.said.push(message),
    close: () => void this.said.push("closed"),
  };

  constructor() {
    HandWorker.last = this;
  }
}

const window = new EventTarget();

function listener() {
  const told: string[] = [];
  const heard: StreamListener = {
    onState: (state) => void told.push(state),
    onEvent: (name, text) => void told.push(`${name} ${text}`),
  };
  return { told, heard };
}

beforeEach(() => {
  vi.useFakeTimers();
  HandSource.all = [];
  vi.stubGlobal("EventSource", HandSource);
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const source = () => HandSource.all.at(-1) as HandSource;

test("a refused stream is tried again after a growing pause, or at once when asked", () => {
  const { told, heard } = listener();
  const stream = openStream(heard);
  source().refuse();
  vi.advanceTimersByTime(999);
  expect(HandSource.all).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(HandSource.all).toHaveLength(2);
  source().refuse();
  vi.advanceTimersByTime(1999);
  expect(HandSource.all).toHaveLength(2);
  stream.retry();
  expect(HandSource.all).toHaveLength(3);
  stream.retry(); // nothing waits now
  expect(HandSource.all).toHaveLength(3);
  source().onopen?.();
  source().heard.get("job.updated")?.({ data: "{}" });
  expect(told).toEqual(["lost", "lost", "live", "job.updated {}"]);
  source().refuse();
  stream.close();
  vi.advanceTimersByTime(60_000);
  expect(HandSource.all).toHaveLength(3);
});

test("tabs share one stream, which goes with the last and is tried anew for each that comes", () => {
  const opened: { listener: StreamListener; closed: boolean; retried: number }[] = [];
  const open = (heard: StreamListener): Stream => {
    const made = { listener: heard, closed: false, retried: 0 };
    opened.push(made);
    return {
      close: () => {
        made.closed = true;
      },
      retry: () => {
        made.retried += 1;
      },
    };
  };
  const { join, leave } = shareStream(open);
  const tab = () => {
    const got: FromStream[] = [];
    return { got, postMessage: (message: FromStream) => void got.push(message) };
  };
  const [first, second] = [tab(), tab()];
  join(first);
  opened[0]?.listener.onState("live");
  join(second);
  expect(second.got).toEqual([{ state: "live" }]);
  expect(opened).toHaveLength(1);
  expect(opened[0]?.retried).toBe(1);
  opened[0]?.listener.onEvent("job.updated", "{}");
  leave(first);
  opened[0]?.listener.onState("lost");
  expect(first.got).toEqual([{ state: "connecting" }, { state: "live" }, { name: "job.updated", text: "{}" }]);
  expect(second.got.at(-1)).toEqual({ state: "lost" });
  leave(second);
  expect(opened[0]?.closed).toBe(true);
  join(first);
  expect(opened).toHaveLength(2);
  expect(first.got.at(-1)).toEqual({ state: "connecting" });
});

test("without shared workers a tab has a stream of its own", () => {
  vi.stubGlobal("SharedWorker", undefined);
  const { heard } = listener();
  const leave = joinStream(heard);
  expect(source().url).toBe("/api/events");
  leave();
  expect(source().readyState).toBe(HandSource.CLOSED);
});

test("a worker that does not load is made up for, unless the tab has left", () => {
  vi.stubGlobal("SharedWorker", HandWorker);
  const { told, heard } = listener();
  const leave = joinStream(heard);
  HandWorker.last.onerror?.();
  source().onopen?.();
  expect(told).toEqual(["live"]);
  leave();
  expect(source().readyState).toBe(HandSource.CLOSED);
  joinStream(heard)();
  expect(HandWorker.last.onerror).toBeNull();
  expect(HandSource.all).toHaveLength(1);
});

test("a page that was kept aside joins again and knows that it missed something", () => {
  vi.stubGlobal("SharedWorker", HandWorker);
  const { told, heard } = listener();
  const leave = joinStream(heard);
  window.dispatchEvent(new Event("pagehide"));
  window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
  expect(told).toEqual([]);
  window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  expect(told).toEqual(["lost"]);
  leave();
  expect(HandWorker.last.said).toEqual(["join", "leave", "join", "leave", "closed"]);
});
