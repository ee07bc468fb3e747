"""`reviewqa finetune reader`: the small model that judges, trained anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ui.cli import terminal
from ui.cli.options import Context, example

if TYPE_CHECKING:
    from finetune.reader import BuiltReader


@click.command("reader", epilog=example("reviewqa finetune reader --output models/reader"))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the weights and their card.",
)
@click.option(
    "--free-sets",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the public sets that were used beside the project's own texts.",
)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--no-teacher",
    is_flag=True,
    help="Train on the labelled texts alone: it does not learn from a larger model.",
)
@click.pass_obj
def reader(
    context: Context, output: Path, free_sets: Path | None, seed: int, no_teacher: bool
) -> None:
    """Train the reader on the texts in finetune/reader/data, let it learn from the bundled language
    model, and measure it on the texts held out. Interrupted, the same command goes on after the
    last stage that was finished.
    """
    from finetune.reader import build
    from finetune.reader.distillation import Distillation
    from finetune.reader.training import ReaderRecipe
    from rag.generators.bundled import smollm2_folder

    taught = None
    if not no_teacher:
        taught = Distillation(model=smollm2_folder(context.settings().paths.cache_dir))
    with terminal.StageProgress() as progress:
        built = build(
            output, free_sets, ReaderRecipe(seed=seed), distillation=taught, progress=progress
        )
    _show(built)


def _show(built: BuiltReader) -> None:
    terminal.say("On what was held out (95% intervals):")
    for kind, area in built.claims.area.items():
        terminal.say(
            f"  claims, {kind}: area {area}; stopped at 5% false alarms {built.claims.stopped[kind]}"
        )
    for name, figure in built.stances.items():
        terminal.say(f"  stance, {name}: {figure}")
    terminal.say(f"  what answers: area {built.answers}")
    terminal.say(f"The weights are in {built.folder}.")
