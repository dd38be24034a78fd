"""What is said where a dataset has no model: that it is coming, or why it is not."""

from collections.abc import Callable

import pytest

from backend.core.jobs import Job, JobState
from backend.core.runtime import Runtime
from backend.registry import service
from tests.conftest import SignedIn
from tests.factories.datasets import make_dataset


@pytest.mark.parametrize("path", ["/api/rounds", "/api/generations"])
def test_a_failed_registration_is_not_called_still_going_on(
    runtime: Runtime, login: Callable[..., SignedIn], path: str
) -> None:
    admin, body = login("admin"), {"dataset_id": str(make_dataset(runtime).id)}
    waiting = admin.post(path, json=body)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "not_ready")
    with runtime.database.transaction() as session:
        job = service.ensure_default_model(session)
        assert job is not None
        found = session.get_one(Job, job.id)
        found.state, found.error = JobState.FAILED, "The checkpoint is damaged."
    failed = admin.post(path, json=body)
    assert (failed.status_code, failed.json()["code"]) == (409, "no_model")
    assert "The checkpoint is damaged. Try its job again" in failed.json()["detail"]
    assert failed.json()["job_id"] == str(job.id)
