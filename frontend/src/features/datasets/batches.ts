/** How many files are sent: in requests of bounded size, annotations last because they refer to images. Pure. */

export interface Limits {
  files: number;
  bytes: number;
}

/** The server's form reader takes at most 1000 parts; smaller requests also lose less when a line drops. */
export const LIMITS: Limits = { files: 200, bytes: 256_000_000 };

export interface Batch<F> {
  files: F[];
  bytes: number;
  /** To be sent only when the jobs of all earlier batches have ended. */
  late: boolean;
}

const isAnnotation = (name: string) => name.toLowerCase().endsWith(".json");

export function planBatches<F extends { name: string; size: number }>(
  files: readonly F[],
  limits: Limits = LIMITS,
): Batch<F>[] {
  const images = files.filter((file) => !isAnnotation(file.name));
  const annotations = files.filter((file) => isAnnotation(file.name));
  const batches = cut(images, limits, false);
  const only = batches[0];
  // Few enough for one request: the server sorts out the order within it.
  if (batches.length === 1 && only && fits(only, annotations, limits)) {
    return [{ ...only, files: [...only.files, ...annotations], bytes: only.bytes + total(annotations) }];
  }
  return [...batches, ...cut(annotations, limits, true)];
}

function cut<F extends { size: number }>(files: readonly F[], limits: Limits, late: boolean): Batch<F>[] {
  const batches: Batch<F>[] = [];
  for (const file of files) {
    const last = batches.at(-1);
    if (last && fits(last, [file], limits)) {
      last.files.push(file);
      last.bytes += file.size;
    } else batches.push({ files: [file], bytes: file.size, late });
  }
  return batches;
}

function fits<F extends { size: number }>(batch: Batch<F>, more: readonly F[], limits: Limits): boolean {
  return batch.files.length + more.length <= limits.files && batch.bytes + total(more) <= limits.bytes;
}

function total(files: readonly { size: number }[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}
