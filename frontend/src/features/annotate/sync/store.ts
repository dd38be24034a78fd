/** Where writes wait until the server has them: one record per mask, the latest wins. IndexedDB, shared by all tabs. */
import type { MaskContent } from "../convert";

export type Write = {
  readonly maskId: string;
  readonly userId: string;
  readonly imageId: string;
  readonly imageName: string;
  readonly revision: number;
  /** null deletes the mask. */
  readonly content: MaskContent | null;
  readonly queuedAt: number;
};

export type WriteStore = {
  put(write: Write): Promise<void>;
  /** Forgets the write unless a newer one has taken its place. */
  remove(write: Pick<Write, "maskId" | "revision">): Promise<void>;
  /** The user's writes, oldest first. */
  all(userId: string): Promise<Write[]>;
};

const byAge = (a: Write, b: Write) => a.queuedAt - b.queuedAt;

/** For browsers without IndexedDB (some private windows): the queue lives as long as the page. */
export function memoryStore(): WriteStore {
  const writes = new Map<string, Write>();
  return {
    async put(write) {
      writes.set(write.maskId, write);
    },
    async remove({ maskId, revision }) {
      if (writes.get(maskId)?.revision === revision) writes.delete(maskId);
    },
    async all(userId) {
      return [...writes.values()].filter((write) => write.userId === userId).sort(byAge);
    },
  };
}

const DATABASE = "maskloom";
const TABLE = "writes";

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "maskId" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const finished = (transaction: IDBTransaction) =>
  new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });

const answerOf = <T>(request: IDBRequest<T>) =>
  new Promise<T>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** What the first store refuses (a full disk, site data cleared under the open page) lives as long as the page. */
export function withFallback(first: WriteStore, memory: WriteStore = memoryStore()): WriteStore {
  return {
    async put(write) {
      try {
        await first.put(write);
        // An older version that was refused must not come back.
        const old = (await memory.all(write.userId)).find(({ maskId }) => maskId === write.maskId);
        if (old) await memory.remove(old);
      } catch {
        await memory.put(write);
      }
    },
    async remove(write) {
      await memory.remove(write);
      await first.remove(write).catch(() => undefined);
    },
    async all(userId) {
      const held = await memory.all(userId);
      const newer = new Map(held.map(({ maskId, revision }) => [maskId, revision]));
      const stored = await first.all(userId).catch(() => []);
      return [...stored.filter(({ maskId, revision }) => revision > (newer.get(maskId) ?? 0)), ...held].sort(byAge);
    },
  };
}

/** IndexedDB where there is one, memory otherwise. */
export async function openWriteStore(): Promise<WriteStore> {
  try {
    return withFallback(inDatabase(await open()));
  } catch {
    return memoryStore();
  }
}

function inDatabase(database: IDBDatabase): WriteStore {
  return {
    async put(write) {
      const transaction = database.transaction(TABLE, "readwrite", { durability: "strict" });
      transaction.objectStore(TABLE).put(write);
      // Without waiting for the put's own answer, which a page that is being reloaded never hears.
      transaction.commit();
      await finished(transaction);
    },
    async remove({ maskId, revision }) {
      const transaction = database.transaction(TABLE, "readwrite");
      const table = transaction.objectStore(TABLE);
      const stored = (await answerOf(table.get(maskId))) as Write | undefined;
      if (stored?.revision === revision) table.delete(maskId);
      await finished(transaction);
    },
    async all(userId) {
      const request = database.transaction(TABLE).objectStore(TABLE).getAll();
      const writes = (await answerOf(request)) as Write[];
      return writes.filter((write) => write.userId === userId).sort(byAge);
    },
  };
}
