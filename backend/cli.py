"""The console command `maskloom`. Thin: each command reads its options, calls the code and prints.

Importing this module imports no torch. Expected errors end in one line on stderr and exit code 1, never in a traceback.
"""

import errno
import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.accounts.models import Role
from backend.core.errors import DomainError
from backend.core.software import software_version
from backend.local.folders import LocalServiceError
from backend.settings import get_settings
from backend.simulate.cli import simulate
from engine.cli import app as engine_app
from engine.errors import EngineError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
users_app = typer.Typer(help="Who may sign in.", no_args_is_help=True)
console = Console()
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens the page to the network.")]


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


def _tell_version(wanted: bool) -> None:
    if wanted:
        software = software_version()
        commit = f", commit {software['commit']}" if software["commit"] else ""
        _say(f"Maskloom {software['version']}{commit}")
        raise typer.Exit


@app.callback()
def maskloom(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Maskloom: annotate with a promptable model, retrain it, generate masks."""


@app.command()
def up(
    port: Port = 8000,
    host: Host = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Start the whole platform on this machine; Ctrl-C stops it."""
    from backend.local.up import run_up

    run_up(get_settings(), host=host, port=port, browser=browser, say=_say)


@app.command()
def demo(
    port: Port = 8000,
    host: Host = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Like up, with a dataset of sample photographs and generated scenes on the first start."""
    from backend.local.demo import add_demo
    from backend.local.up import run_up

    run_up(get_settings(), host=host, port=port, browser=browser, say=_say, prepare=add_demo)


@app.command()
def serve(port: Port = 8000, host: Host = "127.0.0.1") -> None:
    """Run the web process alone, on the services that DATABASE_URL and REDIS_URL name."""
    from backend.local.serve import serve as run

    run(host, port)


@app.command()
def migrate() -> None:
    """Bring the database that DATABASE_URL names to this version, with its first admin and default model."""
    from backend.local.up import prepare_database

    settings = get_settings()
    if not settings.database_url:
        raise LocalServiceError("DATABASE_URL is not set. `maskloom up` migrates its private database by itself.")
    password = prepare_database(settings)
    _say("The database is current.")
    if password is not None:
        _say(f"Sign in as admin@localhost with the one-time password {password} (shown only now).")


@app.command()
def doctor(port: Port = 8000, as_json: Json = False) -> None:
    """Look at what is installed and what answers, and say what to do about what does not."""
    from backend.local.doctor import examine

    lines = list(examine(get_settings(), port))
    if as_json:
        good = all(line.ok is not False for line in lines)
        _print_json({"ok": good, "lines": [asdict(line) for line in lines]})
    else:
        table = Table(show_header=False, box=None, pad_edge=False)
        for line in lines:
            mark = {True: "[green]ok[/green]", False: "[red]FAIL[/red]", None: "[yellow]-[/yellow]"}[line.ok]
            table.add_row(mark, line.name, f"{line.value}{'  ' if line.advice else ''}{line.advice}")
        console.print(table)
    if any(line.ok is False for line in lines):
        raise typer.Exit(1)


@app.command()
def models(as_json: Json = False) -> None:
    """List the model versions of this machine's platform."""
    from backend.core.db import Database
    from backend.local.services import attached
    from backend.registry import service as registry

    with attached(get_settings()) as settings:
        database = Database(settings.database_url)
        with database.transaction() as session:
            active = registry.active_in(session)
            rows = [
                {
                    "id": str(model.id),
                    "name": model.name,
                    "encoder_sha256": model.encoder_sha256,
                    "metrics": model.metrics,
                    "created_at": model.created_at.isoformat(),
                    "active_in": [str(dataset_id) for dataset_id in active.get(model.id, [])],
                }
                for model in registry.list_models(session)
            ]
        database.dispose()
    if as_json:
        _print_json({"items": rows})
        return
    if not rows:
        console.print("No model is registered yet. `maskloom up` registers the packaged default.")
        return
    table = Table("made", "datasets", "name", box=None, pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=36)  # to be copied
    for row in rows:
        table.add_row(str(row["created_at"])[:10], str(len(row["active_in"])), str(row["name"]), str(row["id"]))
    console.print(table)


@users_app.command("list")
def list_users(as_json: Json = False) -> None:
    """List everybody with an account."""
    from backend.accounts import service
    from backend.accounts.schemas import UserOut
    from backend.core.db import Database
    from backend.local.services import attached

    with attached(get_settings()) as settings:
        database = Database(settings.database_url)
        with database.transaction() as session:
            users = [UserOut.model_validate(user) for user in service.list_users(session)]
        database.dispose()
    if as_json:
        _print_json({"items": [user.model_dump(mode="json") for user in users]})
        return
    if not users:
        console.print(
            "Nobody has an account yet. `maskloom up` makes the first admin, or: maskloom users create E-MAIL."
        )
        return
    table = Table("e-mail", "name", "role", "active")
    for user in users:
        table.add_row(user.email, user.name, user.role.value, "yes" if user.active else "no")
    console.print(table)


@users_app.command("create")
def create_user(
    email: str, name: Annotated[str, typer.Option(help="Shown to others.")] = "", role: Role = Role.ANNOTATOR
) -> None:
    """Create an account and print its one-time password."""
    from backend.accounts import service
    from backend.core.db import Database
    from backend.local.services import attached

    if "@" not in email:
        raise DomainError(f"{email} is not an e-mail address.")
    with attached(get_settings()) as settings:
        database = Database(settings.database_url)
        with database.transaction() as session:
            user, password = service.create_user(session, email=email, name=name or email.split("@")[0], role=role)
        database.dispose()
    _say(f"{user.email} ({user.role.value}) can sign in with the one-time password {password}")


@users_app.command("reset-password")
def reset_password(email: str) -> None:
    """Give somebody a new one-time password and end their sign-ins."""
    from backend.accounts import service
    from backend.core.db import Database
    from backend.local.services import attached

    with attached(get_settings()) as settings:
        database = Database(settings.database_url)
        with database.transaction() as session:
            user, password = service.reset_password(session, service.find_user(session, email).id)
        database.dispose()
    _say(f"{user.email} can sign in with the one-time password {password}")


app.add_typer(users_app, name="users")
app.command("simulate")(simulate)
# The engine's own commands stand beside the platform's: generate, train, evaluate, regions, export-onnx.
app.registered_commands.extend(engine_app.registered_commands)


def main() -> None:
    """Entry point of `maskloom`."""
    from pydantic import ValidationError
    from sqlalchemy.exc import OperationalError, ProgrammingError

    try:
        app()
    except (DomainError, LocalServiceError, EngineError) as error:
        sys.exit(_complain(getattr(error, "detail", str(error))))
    except OperationalError as error:
        sys.exit(_complain(f"The database does not answer: {error.orig}. `maskloom doctor` says more."))
    except ProgrammingError as error:
        sys.exit(_complain(f"The database has another schema than this version: {error.orig}. Run `maskloom migrate`."))
    except OSError as error:
        sys.exit(_complain(_about_files(error)))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        sys.exit(_complain(f"A setting in the environment is wrong. {problems}"))


def _about_files(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Free some space, or set MASKLOOM_HOME to a folder on another disk."
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}. Check that path and its rights; MASKLOOM_HOME names the data folder."


def _complain(text: str) -> int:
    sys.stderr.write(f"maskloom: {text}\n")
    return 1


if __name__ == "__main__":
    main()
