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

/** IndexedDB where there is one, memory otherwise. */
export async function openWriteStore(): Promise<WriteStore> {
  let database: IDBDatabase;
  try {
    database = await open();
  } catch {
    return memoryStore();
  }
  return {
    async put(write) {
      const transaction = database.transaction(TABLE, "readwrite", { durability: "strict" });
      transaction.objectStore(TABLE).put(write);
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
