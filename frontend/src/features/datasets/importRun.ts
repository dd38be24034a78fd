/**
 * Imports under way, kept outside of React: leaving the page does not stop an upload. One import per dataset at a time.
 */
import { create } from "zustand";
import { api, unwrap } from "../../api/client";
import { messageOf } from "../../api/problem";
import type { Job } from "../../api/types";
import { upload } from "../../api/upload";
import { planBatches } from "./batches";

const ASK_AGAIN_MS = 1_000;

export interface ImportRun {
  state: "uploading" | "working" | "stopped";
  numFiles: number;
  sentBytes: number;
  totalBytes: number;
  jobIds: string[];
  error: string | null;
}

export const useImportRuns = create<{ runs: Record<string, ImportRun> }>(() => ({ runs: {} }));
const aborters = new Map<string, AbortController>();

function change(datasetId: string, part: Partial<ImportRun>) {
  useImportRuns.setState(({ runs }) => {
    const run = runs[datasetId];
    return run ? { runs: { ...runs, [datasetId]: { ...run, ...part } } } : {};
  });
}

export function clearImport(datasetId: string) {
  useImportRuns.setState(({ runs: { [datasetId]: _, ...runs } }) => ({ runs }));
}

export function stopImport(datasetId: string) {
  aborters.get(datasetId)?.abort();
}

/** Shows a job that was started elsewhere (a server folder) as this dataset's import. */
export function followImport(datasetId: string, jobId: string) {
  const run: ImportRun = { state: "working", numFiles: 0, sentBytes: 0, totalBytes: 0, jobIds: [jobId], error: null };
  useImportRuns.setState(({ runs }) => ({ runs: { ...runs, [datasetId]: run } }));
}

export async function startImport(datasetId: string, files: readonly File[]): Promise<void> {
  const batches = planBatches(files);
  const totalBytes = batches.reduce((sum, batch) => sum + batch.bytes, 0);
  const run: ImportRun = {
    state: "uploading",
    numFiles: files.length,
    sentBytes: 0,
    totalBytes,
    jobIds: [],
    error: null,
  };
  useImportRuns.setState(({ runs }) => ({ runs: { ...runs, [datasetId]: run } }));
  const aborter = new AbortController();
  aborters.set(datasetId, aborter);
  const jobIds: string[] = [];
  let sent = 0;
  try {
    for (const batch of batches) {
      if (batch.late) for (const id of jobIds) await ended(id, aborter.signal);
      const form = new FormData();
      for (const file of batch.files) form.append("files", file, file.name);
      const onProgress = (progress: { sent: number }) =>
        change(datasetId, { sentBytes: Math.min(totalBytes, sent + progress.sent) });
      const job = await upload<Job>(`/api/datasets/${datasetId}/imports`, form, onProgress, aborter.signal);
      jobIds.push(job.id);
      sent += batch.bytes;
      change(datasetId, { jobIds: [...jobIds], sentBytes: sent });
    }
    change(datasetId, { state: "working" });
  } catch (error) {
    change(datasetId, { state: "stopped", error: messageOf(error) });
  } finally {
    aborters.delete(datasetId);
  }
}

async function ended(jobId: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const job = await unwrap(api.GET("/api/jobs/{job_id}", { params: { path: { job_id: jobId } }, signal }));
    if (job.finished_at) return;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

window.addEventListener("beforeunload", (event) => {
  if (aborters.size > 0) event.preventDefault();
});
