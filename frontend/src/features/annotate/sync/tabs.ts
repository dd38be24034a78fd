/** Getting along with other tabs of the same browser: who sends, who edits, and telling each other of news. */

/** Runs `work` while no other tab of this browser holds `name`; without the Locks API there is nobody to ask. */
export const exclusively =
  (name: string) =>
  <T>(work: () => Promise<T>): Promise<T> =>
    navigator.locks ? (navigator.locks.request(name, work) as Promise<T>) : work();

export type Hold = { release(): void };

/** A lock that this very page has just let go of may take a moment to be free. */
const TRIES = 4;
const TRY_EVERY_MS = 120;

/**
 * Takes `name` for as long as the returned hold is kept. null when another tab has it, unless `steal`. `onLost` is called when another
 * tab steals it.
 */
export async function hold(name: string, steal: boolean, onLost: () => void): Promise<Hold | null> {
  if (!navigator.locks) return { release: () => undefined };
  for (let i = 0; i < TRIES; i++) {
    const held = await request(name, steal, onLost);
    if (held) return held;
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
  }
  return null;
}

function request(name: string, steal: boolean, onLost: () => void): Promise<Hold | null> {
  return new Promise((resolve) => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((done) => {
      release = done;
    });
    navigator.locks
      .request(name, steal ? { steal: true } : { ifAvailable: true }, async (lock) => {
        resolve(lock && { release });
        if (lock) await held;
      })
      .catch(onLost);
  });
}

/** Calls `onNews` when another tab announces; returns how to announce and how to stop. */
export function tabChannel(name: string, onNews: () => void): { announce(): void; close(): void } {
  if (typeof BroadcastChannel === "undefined") return { announce: () => undefined, close: () => undefined };
  const channel = new BroadcastChannel(name);
  channel.onmessage = onNews;
  return { announce: () => channel.postMessage("news"), close: () => channel.close() };
}
