"""The platform as a program sees it: a typed, thin client of the HTTP API, used by the simulated annotators.

Every method is one request (retried when the connection drops, which is safe because writes are idempotent); a refusal
becomes a `PlatformError` with the sentence that the platform gave.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx

Json = dict[str, Any]
FINISHED = {"succeeded", "failed", "cancelled"}


class PlatformError(Exception):
    """The platform refused or failed a request; `code` is its problem code, `status` the HTTP status."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Platform:
    """A signed-in connection to one platform."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.HTTPTransport(retries=3)
        try:
            self._http = httpx.Client(base_url=url, headers=headers, timeout=120, transport=transport)
        except httpx.InvalidURL as error:
            raise PlatformError(f"{url!r} is not an address ({error}). Give one like http://127.0.0.1:8000.") from error
        self.url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_in(self, email: str, password: str) -> Json:
        """Sign in; raises PlatformError for a one-time password too, with which nothing else may be done."""
        user = self.post("/api/session", {"email": email, "password": password})
        if user.get("must_change_password"):
            raise PlatformError(
                f"{email} still has a one-time password. Sign in at {self.url} in a browser, choose your own password, "
                "then try again with that one.",
                code="password_change_required",
            )
        return user

    # -- requests -----------------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Send one request; raises PlatformError on a refusal or when the platform cannot be reached."""
        try:
            response = self._http.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            raise PlatformError(f"{self.url} does not answer ({error}). Is `maskloom up` running there?") from error
        if response.status_code >= 400:
            raise _refusal(method, path, response)
        return response

    def get(self, path: str, **params: Any) -> Json:
        return self._json(self.request("GET", path, params=params))

    def _json(self, response: httpx.Response) -> Json:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise PlatformError(f"What answers at {self.url} is not Maskloom. Give its address with --url.")
        return body

    def get_bytes(self, path: str, **params: Any) -> bytes:
        return self.request("GET", path, params=params).content

    def post(self, path: str, body: Json | None = None) -> Json:
        response = self.request("POST", path, json=body if body is not None else {})
        return self._json(response) if response.content else {}

    def put(self, path: str, body: Json) -> Json:
        return self._json(self.request("PUT", path, json=body))

    def delete(self, path: str, **params: Any) -> None:
        self.request("DELETE", path, params=params)

    def pages(self, path: str, **params: Any) -> Iterator[Json]:
        """Every item of a paged listing."""
        cursor: str | None = None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    # -- longer things ------------------------------------------------------------------------------------------------

    def import_files(self, dataset_id: str, files: list[Path]) -> Json:
        """Upload files in one import and return its finished job."""
        handles = [("files", (path.name, path.open("rb"))) for path in files]
        try:
            job = self._json(self.request("POST", f"/api/datasets/{dataset_id}/imports", files=handles))
        finally:
            for _, (_, handle) in handles:
                handle.close()
        return self.wait_job(job["id"])

    def wait_job(self, job_id: str, tick: Callable[[Json], None] | None = None, timeout_s: float = 3600) -> Json:
        """Poll a job until it ends; a failed or cancelled one raises with its error."""
        job = self.wait(lambda: self.get(f"/api/jobs/{job_id}"), lambda j: j["state"] in FINISHED, tick, timeout_s)
        if job["state"] != "succeeded":
            raise PlatformError(f"The job “{job['title']}” {job['state']}: {job.get('error') or 'no reason given'}")
        return job

    def wait(
        self,
        read: Callable[[], Json],
        done: Callable[[Json], bool],
        tick: Callable[[Json], None] | None = None,
        timeout_s: float = 3600,
    ) -> Json:
        """Poll `read` until `done`; raises PlatformError after `timeout_s` seconds."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            value = read()
            if tick:
                tick(value)
            if done(value):
                return value
            time.sleep(0.5)
        raise PlatformError(
            f"Nothing finished within {timeout_s:.0f} s. Look at the jobs page: are the workers running?"
        )


def _refusal(method: str, path: str, response: httpx.Response) -> PlatformError:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail") or response.text[:200] or response.reason_phrase
    return PlatformError(f"{method} {path}: {detail}", response.status_code, problem.get("code", ""))
