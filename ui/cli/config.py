"""`reviewqa config`: every setting, and where its value came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ui.cli import terminal
from ui.cli.options import Context, example

if TYPE_CHECKING:
    from rag.config import Settings


@click.group(
    "config",
    epilog=example("reviewqa config --json"),
    invoke_without_command=True,
    no_args_is_help=False,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def config_group(command: click.Context, as_json: bool) -> None:
    """Show the settings, each with where its value came from and what it is for."""
    if command.invoked_subcommand:
        return
    settings, origins = command.ensure_object(Context).settings_with_origins()
    if as_json:
        terminal.say_json(_objects(settings, origins))
    else:
        terminal.say("\n\n".join(_tables(settings, origins)))


@config_group.command(epilog=example("reviewqa config trust reviewqa.toml"))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def trust(file: Path) -> None:
    """Agree to what the settings FILE sets, as it is now."""
    from rag.config import load_with_origins, needs_consent, record_consent

    settings, origins = load_with_origins(file, environ={})
    for name, value in settings.items():
        if name in origins and needs_consent(name, value):
            terminal.say(f"{name} = {terminal.json_text(str(value))}")
    record_consent(file, file.read_bytes())
    terminal.say(f"{file} is used as it is now.")


def _objects(settings: Settings, origins: dict[str, str]) -> dict[str, object]:
    from rag.config import allowed

    values = settings.model_dump(mode="json")
    return {
        group: {
            key: {
                "value": values[group][key],
                "from": origins.get(f"{group}.{key}", "default"),
                "allowed": allowed(type(fields), key),
                "description": field.description,
            }
            for key, field in type(fields).model_fields.items()
        }
        for group, fields in settings
    }


def _tables(settings: Settings, origins: dict[str, str]) -> list[str]:
    """One table a group, as it would stand in the settings file, described in comments."""
    tables = []
    for group, fields in settings:
        lines = [f"[{group}]"]
        for key, field in type(fields).model_fields.items():
            value = getattr(fields, key)
            text = value if isinstance(value, int | float) else terminal.json_text(str(value))
            origin = origins.get(f"{group}.{key}", "default")
            lines += [f"# {field.description}", f"{key} = {text}  # {origin}"]
        tables.append("\n".join(lines))
    return tables
