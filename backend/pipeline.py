"""The flow of the platform as tables. Reading this file is reading the system.

`JOBS` says on which queue each kind of job runs, `PIPELINE` what each event sets in motion. An event's subscribers run
in the transaction of the event, so its consequences are committed with it or not at all. A later step of the chain is
reached through these tables, never by import.
"""

from backend.core import events, jobs
from backend.core.celery import Queue

JOBS: dict[str, Queue] = {
    "datasets.import": "io",
}

PIPELINE: dict[str, tuple[events.Subscriber, ...]] = {}


def install() -> None:
    """Makes the tables hold in this process. Installing twice changes nothing."""
    jobs.declare_queues(JOBS)
    for name, subscribers in PIPELINE.items():
        for subscriber in subscribers:
            events.subscribe(name, subscriber)
