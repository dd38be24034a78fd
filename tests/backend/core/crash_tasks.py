"""A kind of job for the worker tests: appends one line a step to a file, each step in a transaction of its own."""

import time
from pathlib import Path

from backend.core import jobs
from backend.core.jobs import Job, JobContext


@jobs.handler("test.steps", "io")
def steps(ctx: JobContext) -> dict[str, int]:
    """Does `steps` steps; those done by an earlier attempt are not done again."""
    total = int(ctx.payload["steps"])
    for step in range(total):
        ctx.check()
        with ctx.transaction() as session:
            title = f"{ctx.job_id}/{step}"
            if session.query(Job).filter_by(title=title).first() is None:
                session.add(Job(kind="test.mark", queue="none", state=jobs.JobState.SUCCEEDED, title=title))
        with Path(ctx.payload["log"]).open("a") as file:
            file.write(f"{ctx.attempt} {step}\n")
        ctx.progress(step + 1, total)
        time.sleep(0.05)
    return {"steps": total}
