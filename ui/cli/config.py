"""`reviewqa config`: every setting, and where its value came from."""

from __future__ import annotations

import click

from rag.config import Settings, allowed
from ui.cli import terminal
from ui.cli.options import Context, example


@click.command("config", epilog=example("reviewqa config --json"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def config_command(context: Context, as_json: bool) -> None:
    """Show the settings, each with where its value came from and what it is for."""
    settings, origins = context.settings_with_origins()
    if as_json:
        terminal.say_json(_objects(settings, origins))
    else:
        terminal.say("\n\n".join(_tables(settings, origins)))


def _objects(settings: Settings, origins: dict[str, str]) -> dict[str, object]:
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
