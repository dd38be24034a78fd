"""The clock: tells the workers when something is due. It knows names and intervals only, so it stays a small process.

celery -A backend.clock beat --scheduler celery.beat:Scheduler
"""

from typing import Any

from celery import Celery

from backend.core.celery import CONTROL_QUEUE, RECONCILE, make_celery
from backend.core.telemetry import configure_logging
from backend.pipeline import CLOCK
from backend.settings import Settings, get_settings


def make_clock(settings: Settings) -> Celery:
    """The Celery application with the schedule, for `celery -A backend.clock beat`."""
    app = make_celery(settings)
    due = {RECONCILE: settings.reconcile_s, **CLOCK}
    app.conf.beat_schedule = {
        # A tick that nobody took in time is worth nothing: the next one does the same.
        name: {"task": name, "schedule": s, "options": {"queue": CONTROL_QUEUE, "expires": max(s, 5.0), "retry": False}}
        for name, s in due.items()
    }
    return app


def __getattr__(name: str) -> Any:
    """`app` is made when Celery asks for it: importing this module alone opens no connection."""
    if name in ("app", "celery"):
        settings = get_settings()
        configure_logging(settings.log_level, settings.log_format)
        made = make_clock(settings)
        globals()["app"] = globals()["celery"] = made
        return made
    raise AttributeError(name)
