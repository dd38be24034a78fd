/** Multipart uploads with progress, which fetch cannot report. */
import { problemError } from "./problem";

export interface UploadProgress {
  sent: number;
  total: number;
}

/** Sends `form` to `url`; resolves with the JSON answer, rejects with an ApiError (or an AbortError). */
export function upload<T>(
  url: string,
  form: FormData,
  onProgress: (progress: UploadProgress) => void,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    request.upload.onprogress = (event) =>
      onProgress({ sent: event.loaded, total: event.lengthComputable ? event.total : 0 });
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response as T);
      else reject(problemError(request.status, request.response));
    };
    request.onerror = () => reject(new TypeError("The upload did not reach the server."));
    request.onabort = () => reject(new DOMException("The upload was stopped.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}
