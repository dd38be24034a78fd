"""Jobs: units of background work. The database is the truth; Celery messages only say where to look.

A job row is written in the transaction of its cause (`enqueue`), sent to Celery after the commit, claimed by one worker
under a lease that a heartbeat renews, and given to the `handler` of its kind. Redis may be wiped and a worker killed at
any moment: the reconciler sends again what was lost and takes back what went silent. So every handler must be safe to
run twice.
"""

from backend.core.jobs.context import JobCancelled, JobContext, JobInterrupted, JobLost
from backend.core.jobs.handlers import declare_queues, handler, periodic
from backend.core.jobs.models import Job, JobState
from backend.core.jobs.schemas import JobOut
from backend.core.jobs.service import cancel, enqueue, forget_succeeded, get_job, list_jobs, retry
from backend.core.jobs.work import Work

__all__ = [
    "Job",
    "JobCancelled",
    "JobContext",
    "JobInterrupted",
    "JobLost",
    "JobOut",
    "JobState",
    "Work",
    "cancel",
    "declare_queues",
    "enqueue",
    "forget_succeeded",
    "get_job",
    "handler",
    "list_jobs",
    "periodic",
    "retry",
]
