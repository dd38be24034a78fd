/** What an import job says at its end, and several of them as one. */

export interface ReportLine {
  name: string;
  reason: string;
}

export interface ImportReport {
  accepted: number;
  duplicates: number;
  masks: number;
  duplicateFiles: ReportLine[];
  refused: ReportLine[];
}

/** Reads a job's result; null when it is not an import's. */
export function readReport(result: unknown): ImportReport | null {
  if (typeof result !== "object" || result === null || !("accepted" in result)) return null;
  const raw = result as Partial<ImportReport> & { duplicate_files?: ReportLine[] };
  return {
    accepted: raw.accepted ?? 0,
    duplicates: raw.duplicates ?? 0,
    masks: raw.masks ?? 0,
    duplicateFiles: raw.duplicate_files ?? [],
    refused: raw.refused ?? [],
  };
}

export function mergeReports(reports: readonly ImportReport[]): ImportReport {
  return reports.reduce(
    (sum, one) => ({
      accepted: sum.accepted + one.accepted,
      duplicates: sum.duplicates + one.duplicates,
      masks: sum.masks + one.masks,
      duplicateFiles: [...sum.duplicateFiles, ...one.duplicateFiles],
      refused: [...sum.refused, ...one.refused],
    }),
    { accepted: 0, duplicates: 0, masks: 0, duplicateFiles: [], refused: [] },
  );
}
