"""Jobs: written with their cause, claimed once, taken back from the silent, never lost and never doubled."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select, update

from backend.core import events, jobs
from backend.core.db import Database, utcnow
from backend.core.errors import Conflict, Invalid
from backend.core.jobs import Job, JobCancelled, JobContext, JobInterrupted, JobState
from backend.core.jobs.handlers import handlers
from backend.core.jobs.reconcile import reconcile, send_again
from backend.core.jobs.runner import run_job
from backend.core.runtime import Runtime


@pytest.fixture
def echo() -> Iterator[list[object]]:
    """A kind of job that remembers its payloads."""
    seen: list[object] = []

    @jobs.handler("test.echo", "io", max_attempts=2)
    def run(ctx: JobContext) -> dict[str, object]:
        seen.append(ctx.payload)
        ctx.progress(1, 1, "done")
        return {"echo": ctx.payload}

    yield seen
    del handlers["test.echo"]


def enqueue(database: Database, kind: str = "test.echo", **options: object) -> Job:
    with database.transaction() as session:
        return jobs.enqueue(session, kind, **options)  # type: ignore[arg-type]


def read(database: Database, job_id: uuid.UUID) -> Job:
    with database.transaction() as session:
        return jobs.get_job(session, job_id)


def handle(function: Callable[[JobContext], None], kind: str = "test.once") -> None:
    def run(ctx: JobContext) -> None:
        function(ctx)

    jobs.handler(kind, "io", max_attempts=2)(run)


def test_a_job_runs_once_however_many_messages_arrive(runtime: Runtime, echo: list[object]) -> None:
    job = enqueue(runtime.database, payload={"n": 1})
    assert runtime.redis.llen("io") == 1
    assert run_job(runtime, job.id)
    assert not run_job(runtime, job.id)
    ended = read(runtime.database, job.id)
    assert echo == [{"n": 1}]
    assert (ended.state, ended.result, ended.attempts) == (JobState.SUCCEEDED, {"echo": {"n": 1}}, 1)
    assert (ended.done, ended.total, ended.message) == (1, 1, "done")
    assert ended.finished_at is not None
    assert ended.lease_token is None


def test_a_job_is_not_sent_when_its_cause_is_rolled_back(runtime: Runtime, echo: list[object]) -> None:
    def fail() -> None:
        with runtime.database.transaction() as session:
            jobs.enqueue(session, "test.echo")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert runtime.redis.llen("io") == 0
    with runtime.database.transaction() as session:
        assert session.scalars(select(Job)).all() == []


def test_an_undeclared_kind_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="not declared"):
        enqueue(database, "nobody.knows")


def test_one_queued_job_per_dedupe_key_but_a_running_one_does_not_count(runtime: Runtime, echo: list[object]) -> None:
    first = enqueue(runtime.database, dedupe_key="k")
    assert enqueue(runtime.database, dedupe_key="k").id == first.id
    seen: list[uuid.UUID] = []
    handle(lambda ctx: seen.append(enqueue(runtime.database, "test.once", dedupe_key="o").id))
    running = enqueue(runtime.database, "test.once", dedupe_key="o")
    assert run_job(runtime, running.id)
    assert seen != [running.id]
    assert read(runtime.database, seen[0]).state is JobState.QUEUED


def test_a_deduplicated_job_waits_for_the_transaction_that_asked_for_it(runtime: Runtime, echo: list[object]) -> None:
    job = enqueue(runtime.database, dedupe_key="k")
    ran = threading.Event()

    def claim() -> None:
        run_job(runtime, job.id)
        ran.set()

    with runtime.database.transaction() as session:
        assert jobs.enqueue(session, "test.echo", dedupe_key="k").id == job.id
        thread = threading.Thread(target=claim)
        thread.start()
        assert not ran.wait(0.3)
    thread.join()
    assert ran.is_set()


def test_a_silent_job_goes_back_while_its_twin_is_being_queued(runtime: Runtime, echo: list[object]) -> None:
    silent = enqueue(runtime.database, dedupe_key="k")
    with runtime.database.transaction() as session:
        values = {"state": JobState.RUNNING, "lease_token": uuid.uuid4(), "lease_until": utcnow(), "attempts": 1}
        session.execute(update(Job).where(Job.id == silent.id).values(**values))
    done = threading.Event()

    def take_back() -> None:
        reconcile(runtime)
        done.set()

    with runtime.database.transaction() as session:
        twin = jobs.enqueue(session, "test.echo", dedupe_key="k")
        thread = threading.Thread(target=take_back)
        thread.start()
        assert not done.wait(0.5), "the index lets nobody else have the key before this transaction ends"
    thread.join(10)
    assert done.is_set()
    back = read(runtime.database, silent.id)
    assert (back.state, back.dedupe_key) == (JobState.QUEUED, None)
    assert (read(runtime.database, twin.id).state, twin.dedupe_key) == (JobState.QUEUED, "k")


def test_failures_say_what_is_wrong(runtime: Runtime) -> None:
    def fail(ctx: JobContext) -> None:
        raise Invalid("The file is empty. Choose another.")

    handle(fail)
    job = enqueue(runtime.database, "test.once")
    run_job(runtime, job.id)
    assert read(runtime.database, job.id).error == "The file is empty. Choose another."

    def crash(ctx: JobContext) -> None:
        raise KeyError("x")

    handle(crash)
    job = enqueue(runtime.database, "test.once")
    run_job(runtime, job.id)
    ended = read(runtime.database, job.id)
    assert ended.state is JobState.FAILED
    assert "KeyError" in (ended.error or "")


def test_a_silent_worker_loses_its_job_and_cannot_commit_any_more(runtime: Runtime, echo: list[object]) -> None:
    wrote: list[str] = []

    def go_silent(ctx: JobContext) -> None:
        with runtime.database.transaction() as session:  # the lease runs out, unseen by the worker
            session.execute(update(Job).where(Job.id == ctx.job_id).values(lease_until=utcnow()))
        reconcile(runtime)
        with ctx.transaction() as session:
            session.add(Job(kind="test.echo", queue="io", title="must not be"))
        wrote.append("committed")

    handle(go_silent)
    job = enqueue(runtime.database, "test.once")
    run_job(runtime, job.id)
    assert wrote == []
    again = read(runtime.database, job.id)
    assert (again.state, again.attempts) == (JobState.QUEUED, 1)
    with runtime.database.transaction() as session:
        assert session.scalars(select(Job).where(Job.title == "must not be")).all() == []

    handle(lambda ctx: wrote.append(f"attempt {ctx.attempt}"))
    assert run_job(runtime, job.id)
    assert wrote == ["attempt 2"]


def test_out_of_attempts_a_silent_job_fails(runtime: Runtime, echo: list[object]) -> None:
    job = enqueue(runtime.database)
    with runtime.database.transaction() as session:
        values = {"state": JobState.RUNNING, "attempts": 2, "lease_token": uuid.uuid4(), "lease_until": utcnow()}
        session.execute(update(Job).where(Job.id == job.id).values(**values))
    reconcile(runtime)
    ended = read(runtime.database, job.id)
    assert ended.state is JobState.FAILED
    assert "stopped without a word" in (ended.error or "")
    with runtime.database.transaction() as session:
        assert jobs.retry(session, job.id).attempts == 0
    assert run_job(runtime, job.id)


def test_the_heartbeat_keeps_a_long_job(runtime: Runtime) -> None:
    settings = runtime.settings.model_copy(update={"job_lease_s": 0.6, "job_heartbeat_s": 0.1})
    short = Runtime(settings)
    handle(lambda ctx: (time.sleep(1.2), reconcile(short), ctx.check()))  # type: ignore[arg-type, return-value]
    job = enqueue(short.database, "test.once")
    run_job(short, job.id)
    assert read(short.database, job.id).state is JobState.SUCCEEDED
    short.close()


def test_cancelling_a_waiting_and_a_running_job(runtime: Runtime, echo: list[object]) -> None:
    waiting = enqueue(runtime.database)
    with runtime.database.transaction() as session:
        assert jobs.cancel(session, waiting.id).state is JobState.CANCELLED
    assert not run_job(runtime, waiting.id)

    def long(ctx: JobContext) -> None:
        with runtime.database.transaction() as session:
            jobs.cancel(session, ctx.job_id)
        for _ in range(200):
            time.sleep(0.02)
            ctx.check()
        raise AssertionError("was not stopped")

    handle(long)
    job = enqueue(runtime.database, "test.once")
    run_job(runtime, job.id)
    ended = read(runtime.database, job.id)
    assert (ended.state, ended.error) == (JobState.CANCELLED, None)


def test_a_worker_that_shuts_down_gives_its_job_back(runtime: Runtime) -> None:
    stopping = threading.Event()

    def interrupted(ctx: JobContext) -> None:
        (ctx.workdir / "checkpoint").write_text("half")
        stopping.set()
        with pytest.raises(JobInterrupted):
            ctx.check()
        assert ctx.should_stop()
        ctx.check()

    handle(interrupted)
    job = enqueue(runtime.database, "test.once")
    run_job(runtime, job.id, stopping=stopping)
    given_back = read(runtime.database, job.id)
    assert (given_back.state, given_back.attempts) == (JobState.QUEUED, 0)

    found: list[str] = []
    handle(lambda ctx: found.append((ctx.workdir / "checkpoint").read_text()))
    run_job(runtime, job.id)
    assert found == ["half"]
    assert not (runtime.settings.effective_work_dir / "jobs" / str(job.id)).exists()


def test_a_wiped_redis_loses_nothing(runtime: Runtime, echo: list[object]) -> None:
    enqueue(runtime.database)
    enqueue(runtime.database)
    runtime.redis.flushall()
    with runtime.database.transaction() as session:
        session.execute(update(Job).values(sent_at=None))
    reconcile(runtime)
    assert runtime.redis.llen("io") == 2
    with runtime.database.transaction() as session:
        session.execute(update(Job).values(sent_at=None))
        assert send_again(session, runtime) == 0  # the queue holds a message for each


def test_a_dead_redis_fails_neither_jobs_nor_events(runtime: Runtime, echo: list[object]) -> None:
    broken = Runtime(runtime.settings.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"}))
    started = time.monotonic()
    job = enqueue(broken.database)
    with broken.database.transaction() as session:
        events.emit(session, "dataset.updated", dataset_id=uuid.uuid4())
    assert run_job(broken, job.id)
    reconcile(broken)
    assert time.monotonic() - started < 5
    broken.close()


def test_job_finished_runs_in_the_transaction_of_the_end(runtime: Runtime, echo: list[object]) -> None:
    heard: list[tuple[str, object]] = []

    def listen(session: object, event: events.Event) -> None:
        heard.append((event.data["state"], event.data["payload"]))

    events.subscribe("job.finished", listen)
    try:
        job = enqueue(runtime.database, payload={"n": 1})
        run_job(runtime, job.id)
        other = enqueue(runtime.database)
        with runtime.database.transaction() as session:
            jobs.cancel(session, other.id)
    finally:
        events.unsubscribe("job.finished", listen)
    assert heard == [("succeeded", {"n": 1}), ("cancelled", {})]


def test_a_job_is_not_tried_again_while_its_twin_is_being_queued(runtime: Runtime, echo: list[object]) -> None:
    failed = enqueue(runtime.database, dedupe_key="k")
    with runtime.database.transaction() as session:
        session.execute(update(Job).where(Job.id == failed.id).values(state=JobState.FAILED))
    answers: list[str] = []

    def retry() -> None:
        try:
            with runtime.database.transaction() as session:
                jobs.retry(session, failed.id)
        except Conflict as error:
            answers.append(error.detail)

    with runtime.database.transaction() as session:
        jobs.enqueue(session, "test.echo", dedupe_key="k")
        thread = threading.Thread(target=retry)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "the index lets nobody else have the key before this transaction ends"
    thread.join(10)
    assert answers == ["The same work is already waiting in the queue."]
    assert read(runtime.database, failed.id).state is JobState.FAILED


def test_retrying_needs_an_end_without_success(runtime: Runtime, echo: list[object]) -> None:
    job = enqueue(runtime.database)
    with runtime.database.transaction() as session, pytest.raises(Conflict, match="queued"):
        jobs.retry(session, job.id)
    run_job(runtime, job.id)
    with runtime.database.transaction() as session, pytest.raises(Conflict, match="succeeded"):
        jobs.retry(session, job.id)


def test_a_transaction_inside_a_cancelled_job_still_commits_what_was_done(runtime: Runtime) -> None:
    def step(ctx: JobContext) -> None:
        with ctx.transaction() as session:
            session.add(Job(kind="test.echo", queue="io", title="kept"))
        raise JobCancelled

    handle(step)
    job = enqueue(runtime.database, "test.once")
    run_job(runtime, job.id)
    assert read(runtime.database, job.id).state is JobState.CANCELLED
    with runtime.database.transaction() as session:
        assert session.scalars(select(Job).where(Job.title == "kept")).one()


def test_a_job_cancelled_while_its_worker_shuts_down_is_not_left_in_the_queue(runtime: Runtime) -> None:
    stopping = threading.Event()

    def interrupted(ctx: JobContext) -> None:
        with ctx.runtime.database.transaction() as session:
            jobs.cancel(session, ctx.job_id)
        stopping.set()
        ctx.check()

    handle(interrupted)
    job = enqueue(runtime.database, "test.once", dedupe_key="one")
    run_job(runtime, job.id, stopping=stopping)
    # Queued and cancelled at once, nobody would ever claim it, and everybody who asks for this work would be given it.
    assert read(runtime.database, job.id).state is JobState.CANCELLED


def test_what_the_database_cannot_hold_does_not_keep_a_job_from_ending(runtime: Runtime) -> None:
    jobs.handler("test.result", "io")(lambda ctx: {"refused": [{"name": "a\0b"}]})
    job = enqueue(runtime.database, "test.result")
    run_job(runtime, job.id)
    ended = read(runtime.database, job.id)
    assert (ended.state, ended.result) == (JobState.SUCCEEDED, {"refused": [{"name": "a\ufffdb"}]})

    def fails(ctx: JobContext) -> None:
        raise Invalid("the name a\0b is wrong")

    handle(fails)
    job = enqueue(runtime.database, "test.once")
    run_job(runtime, job.id)
    assert read(runtime.database, job.id).error == "the name a\ufffdb is wrong"


def test_a_value_that_cannot_be_stored_is_not_called_a_silent_database(runtime: Runtime) -> None:
    def stores(ctx: JobContext) -> None:
        with ctx.transaction() as session:
            session.execute(select(Job).where(Job.kind == "a\0b"))

    handle(stores)
    job = enqueue(runtime.database, "test.once")
    run_job(runtime, job.id)
    error = read(runtime.database, job.id).error
    assert error is not None
    assert "stopped answering" not in error
