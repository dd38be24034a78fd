"""What the command line says of itself."""

from importlib.metadata import version

from typer.testing import CliRunner

from backend.cli import app


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert told.exit_code == 0
    assert told.output.startswith(f"Maskloom {version('maskloom')}")
