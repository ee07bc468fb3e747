"""`reviewqa finetune`: a model tuned on one's own reviews, in five steps or in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ui.cli import terminal
from ui.cli.embedder import embedder
from ui.cli.finetune_steps import (
    compare_models,
    make_examples,
    merge_adapter,
    read_recipe,
    say_changes,
    tell,
    train_adapter,
)
from ui.cli.options import Context, example

Command = Callable[..., Any]


@click.group("finetune", epilog=example("reviewqa finetune run gemma-2b-it --index squid-game"))
def finetune_group() -> None:
    """Adapt models to your own reviews: RECIPE is the name of a recipe (recipes) or the path of a
    .toml file.
    """


finetune_group.add_command(embedder)


def recipe_options(command: Command) -> Command:
    """RECIPE, and changes to it."""
    for option in (
        click.option(
            "--set",
            "changes",
            multiple=True,
            metavar="SECTION.KEY=VALUE",
            help="Change the recipe: training.learning_rate=2e-4; may be repeated.",
        ),
        click.argument("recipe"),
    ):
        command = option(command)
    return command


def data_options(command: Command) -> Command:
    """What the examples are made of."""
    for option in (
        click.option(
            "--teacher",
            help='Answers questions that have no answer: "base" (the recipe\'s base model), or a '
            "generator as --generator takes it. Kept are answers that pass the check.",
        ),
        click.option(
            "--spans",
            multiple=True,
            type=click.Path(path_type=Path, exists=True),
            help="Questions with the words that answer them: a folder as SubjQA's, a file as SQuAD's.",
        ),
        click.option(
            "--questions",
            multiple=True,
            type=click.Path(path_type=Path, exists=True),
            help="Question file, JSON Lines or CSV, or a folder of .jsonl files; test splits are not used.",
        ),
        click.option(
            "--index", "names", multiple=True, help="Index of the reviews; may be repeated."
        ),
    ):
        command = option(command)
    return command


def compare_options(command: Command) -> Command:
    """What the models are compared on."""
    for option in (
        click.option("--gate", is_flag=True, help='Fail unless the verdict is "better".'),
        click.option(
            "--split",
            default="test",
            show_default=True,
            help='Which split; "all" for every question.',
        ),
        click.option(
            "--compare-questions",
            "asked",
            type=click.Path(path_type=Path, exists=True),
            help="Question file to compare on; without one, the two tasks alone.",
        ),
        click.option(
            "--compare-index",
            "over",
            help="Index to compare over; the first --index, or the only one.",
        ),
    ):
        command = option(command)
    return command


@finetune_group.command("recipes", epilog=example("reviewqa finetune recipes"))
def recipes() -> None:
    """List the recipes that come with the program."""
    from finetune.recipe import load_recipe, recipe_names

    for name in recipe_names():
        found = load_recipe(name)
        how = "4 bits" if found.quantization.load_in_4bit else "16 bits"
        terminal.say(
            f"{name:20} {found.base_model}, {how}, {found.licence}; on "
            f"{', '.join(found.data.examples)}"
        )


@finetune_group.command(
    "data", epilog=example("reviewqa finetune data gemma-2b-it --index squid-game --preview")
)
@recipe_options
@data_options
@click.option(
    "--preview",
    is_flag=True,
    help="Print an example of each kind as it is trained, loss between ⟦ and ⟧.",
)
@click.pass_obj
def data(
    context: Context,
    recipe: str,
    changes: Sequence[str],
    names: Sequence[str],
    questions: Sequence[Path],
    spans: Sequence[Path],
    teacher: str | None,
    preview: bool,
) -> None:
    """Make training examples from an index's reviews, with a data card."""
    make_examples(context, read_recipe(recipe, changes), names, questions, spans, teacher, preview)


@finetune_group.command("check", epilog=example("reviewqa finetune check gemma-2b-it"))
@recipe_options
@click.option(
    "--no-step", is_flag=True, help="Look at recipe, data and memory only: load no weights."
)
@click.pass_obj
def check(context: Context, recipe: str, changes: Sequence[str], no_step: bool) -> None:
    """Look for all that is known to ruin a training, before its first step."""
    from finetune.preflight.checks import passed
    from finetune.stages import check as run_checks

    found, prepared, _, _ = run_checks(
        read_recipe(recipe, changes), context.settings(), step=not no_step, tell=tell
    )
    say_changes(prepared.arguments.renamed, prepared.arguments.overridden)
    if not passed(found):
        raise click.ClickException("Training would go wrong: see what failed above.")


@finetune_group.command("train", epilog=example("reviewqa finetune train gemma-2b-it --resume"))
@recipe_options
@click.option(
    "--resume", is_flag=True, help="Go on from the last checkpoint of the same recipe and data."
)
@click.pass_obj
def train(context: Context, recipe: str, changes: Sequence[str], resume: bool) -> None:
    """Check, then train the adapter. Ctrl-C writes a checkpoint and stops."""
    train_adapter(context, read_recipe(recipe, changes), resume)


@finetune_group.command("merge", epilog=example("reviewqa finetune merge gemma-2b-it"))
@recipe_options
@click.option(
    "--into",
    "way",
    type=click.Choice(["auto", "original", "dequantised"]),
    default="auto",
    show_default=True,
    help="Which weights the adapter is added to; auto: both are measured.",
)
@click.option(
    "--dtype",
    type=click.Choice(["bfloat16", "float16", "float32"]),
    help="What the weights are saved in.",
)
@click.pass_obj
def merge(
    context: Context, recipe: str, changes: Sequence[str], way: str, dtype: str | None
) -> None:
    """Merge the adapter into its base model, as a folder in models/ that every part of the program
    can use.
    """
    merge_adapter(context, read_recipe(recipe, changes), way, dtype or "")


@finetune_group.command(
    "compare",
    epilog=example(
        "reviewqa finetune compare gemma-2b-it --compare-questions rag/sample/questions.jsonl "
        "--gate"
    ),
)
@recipe_options
@compare_options
@click.pass_obj
def compare(
    context: Context,
    recipe: str,
    changes: Sequence[str],
    over: str | None,
    asked: Path | None,
    split: str,
    gate: bool,
) -> None:
    """Ask the base model, the adapter and the merged model the same, and write a report with a
    verdict.
    """
    compare_models(context, read_recipe(recipe, changes), over, asked, split, gate)


@finetune_group.command(
    "run",
    epilog=example(
        "reviewqa finetune run gemma-2b-it --index squid-game --compare-index squid-game"
    ),
)
@recipe_options
@data_options
@compare_options
@click.pass_obj
def run(
    context: Context,
    recipe: str,
    changes: Sequence[str],
    names: Sequence[str],
    questions: Sequence[Path],
    spans: Sequence[Path],
    teacher: str | None,
    over: str | None,
    asked: Path | None,
    split: str,
    gate: bool,
) -> None:
    """All five steps; what is done already is not done again, so the same command goes on where it
    stopped.
    """
    loaded = read_recipe(recipe, changes)
    make_examples(context, loaded, names, questions, spans, teacher, preview=False)
    train_adapter(context, loaded, resume=True)
    merge_adapter(context, loaded, "auto", "")
    compare_models(context, loaded, over or next(iter(names), None), asked, split, gate)
