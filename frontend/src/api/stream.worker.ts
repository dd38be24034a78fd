/** Holds the one stream of all tabs (stream.ts) while at least one of them listens. */
import { type Connection, type FromStream, openStream, type ToStream } from "./stream";

const tabs = new Set<MessagePort>();
let state: Connection = "connecting";
let close: (() => void) | undefined;

const tell = (message: FromStream) => {
  for (const tab of tabs) tab.postMessage(message);
};

function join(tab: MessagePort): void {
  tabs.add(tab);
  tab.postMessage({ state } satisfies FromStream);
  close ??= openStream({
    onState: (now) => {
      state = now;
      tell({ state });
    },
    onEvent: (name, text) => tell({ name, text }),
  });
}

function leave(tab: MessagePort): void {
  tabs.delete(tab);
  if (tabs.size > 0) return;
  close?.();
  close = undefined;
  state = "connecting";
}

(self as unknown as SharedWorkerGlobalScope).onconnect = ({ ports }) => {
  for (const tab of ports) {
    tab.onmessage = ({ data }: MessageEvent<ToStream>) => (data === "join" ? join(tab) : leave(tab));
  }
};
