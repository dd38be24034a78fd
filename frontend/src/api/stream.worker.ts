/** The shared worker that holds the one stream of all tabs (stream.ts). */
import { shareStream, type ToStream } from "./stream";

const { join, leave } = shareStream();

(self as unknown as SharedWorkerGlobalScope).onconnect = ({ ports }) => {
  for (const tab of ports) {
    tab.onmessage = ({ data }: MessageEvent<ToStream>) => (data === "join" ? join(tab) : leave(tab));
  }
};
