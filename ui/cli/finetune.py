"""`reviewqa finetune`: a model tuned on one's own reviews, in five stages or in one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from ui.cli import terminal
from ui.cli.embedder import embedder
from ui.cli.options import Context, example, picked_index
from ui.cli.reader import reader

if TYPE_CHECKING:  # loading them costs seconds
    from finetune import Compared
    from rag.config import Settings

Command = Callable[..., Any]


@click.group("finetune", epilog=example("reviewqa finetune run gemma-2b-it --index squid-game"))
def finetune_group() -> None:
    """Adapt models to your own reviews: RECIPE is the name of a recipe (recipes) or the path of a
    .toml file.
    """


finetune_group.add_command(embedder)
finetune_group.add_command(reader)


def stage(name: str, epilog: str, *options: Command) -> Callable[[Command], Command]:
    """A subcommand that takes RECIPE, changes to it, and these options."""
    change = click.option(
        "--set",
        "changes",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Change the recipe: training.learning_rate=2e-4; may be repeated.",
    )

    def decorate(command: Command) -> Command:
        command = click.pass_obj(command)
        for option in reversed((click.argument("recipe"), change, *options)):
            command = option(command)
        return finetune_group.command(name, epilog=example(f"reviewqa finetune {epilog}"))(command)

    return decorate


EXISTING = click.Path(path_type=Path, exists=True)
DATA_OPTIONS = (
    click.option("--index", "names", multiple=True, help="Index of the reviews; may be repeated."),
    click.option(
        "--questions",
        multiple=True,
        type=EXISTING,
        help="Question file, JSON Lines or CSV, or a folder of .jsonl files; test splits are not "
        "used.",
    ),
    click.option(
        "--spans",
        multiple=True,
        type=EXISTING,
        help="Questions with the words that answer them: a folder as SubjQA's, a file as SQuAD's.",
    ),
    click.option(
        "--teacher",
        help='Answers questions that have no answer: "base" (the recipe\'s base model), or a '
        "generator as --generator takes it. Kept are answers that pass the check.",
    ),
)
COMPARE_OPTIONS = (
    click.option(
        "--compare-index",
        "over",
        help="Index to compare over; the first --index, or the only one.",
    ),
    click.option(
        "--compare-questions",
        "asked",
        type=EXISTING,
        help="Question file to compare on; without one, the two tasks alone.",
    ),
    click.option(
        "--split", default="test", show_default=True, help='Which split; "all" for every question.'
    ),
    click.option("--gate", is_flag=True, help='Fail unless the verdict is "better".'),
)


@finetune_group.command("recipes", epilog=example("reviewqa finetune recipes"))
def recipes() -> None:
    """List the recipes that come with the program."""
    from finetune import load_recipe, recipe_names

    for name in recipe_names():
        recipe = load_recipe(name)
        how = "4 bits" if recipe.quantization.load_in_4bit else "16 bits"
        terminal.say(
            f"{name:20} {recipe.base_model}, {how}, {recipe.licence}; on "
            f"{', '.join(recipe.data.examples)}"
        )


@stage(
    "data",
    "data gemma-2b-it --index squid-game --preview",
    *DATA_OPTIONS,
    click.option(
        "--preview",
        is_flag=True,
        help="Print an example of each kind as it is trained, loss between ⟦ and ⟧.",
    ),
)
def data(
    context: Context,
    recipe: str,
    changes: Sequence[str],
    names: Sequence[str],
    preview: bool,
    **sources: Any,
) -> None:
    """Make training examples from an index's reviews, with a data card."""
    import finetune

    settings, tuned = context.settings(), finetune.load_recipe(recipe, changes)
    with terminal.StageProgress() as progress:
        examples = finetune.make_data(
            tuned, index=_picked(settings, names), settings=settings, progress=progress, **sources
        )
    _tell(examples)
    if preview:
        for text in finetune.preview(tuned, settings=settings):
            terminal.say("\n" + text)


@stage(
    "check",
    "check gemma-2b-it",
    click.option(
        "--no-step", is_flag=True, help="Look at recipe, data and memory only: load no weights."
    ),
)
def check(context: Context, recipe: str, changes: Sequence[str], no_step: bool) -> None:
    """Look for all that is known to ruin a training, before its first step."""
    import finetune

    tuned = finetune.load_recipe(recipe, changes)
    checked = finetune.check(tuned, step=not no_step, settings=context.settings(), on_event=_tell)
    _tell(checked)
    if not checked.passed:
        raise click.ClickException("Training would go wrong: see what failed above.")


@stage(
    "train",
    "train gemma-2b-it --resume",
    click.option(
        "--resume", is_flag=True, help="Go on from the last checkpoint of the same recipe and data."
    ),
)
def train(context: Context, recipe: str, changes: Sequence[str], resume: bool) -> None:
    """Check, then train the adapter. Ctrl-C writes a checkpoint and stops."""
    import finetune

    with _watched() as callbacks:
        tuned = finetune.load_recipe(recipe, changes)
        _tell(finetune.train(tuned, resume=resume, settings=context.settings(), **callbacks))


@stage(
    "merge",
    "merge gemma-2b-it",
    click.option(
        "--into",
        "way",
        type=click.Choice(["auto", "original", "dequantised"]),
        default="auto",
        show_default=True,
        help="Which weights the adapter is added to; auto: both are measured.",
    ),
    click.option(
        "--dtype",
        type=click.Choice(["bfloat16", "float16", "float32"]),
        help="What the weights are saved in.",
    ),
)
def merge(
    context: Context, recipe: str, changes: Sequence[str], way: str, dtype: str | None
) -> None:
    """Merge the adapter into its base model, as a folder in models/ that every part of the program
    can use.
    """
    import finetune

    tuned, settings = finetune.load_recipe(recipe, changes), context.settings()
    with terminal.StageProgress() as progress:
        merged = finetune.merge(
            tuned, way=way, dtype=dtype or "", settings=settings, progress=progress
        )
    _tell(merged)


@stage(
    "compare",
    "compare gemma-2b-it --compare-questions rag/sample/questions.jsonl --gate",
    *COMPARE_OPTIONS,
)
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
    import finetune

    tuned, settings = finetune.load_recipe(recipe, changes), context.settings()
    on = finetune.CompareOn(index=picked_index(settings, over), questions=asked, split=split)
    with terminal.StageProgress() as progress:
        compared = finetune.compare(tuned, on=on, settings=settings, progress=progress)
    _tell(compared)
    _gate(compared, gate)


@stage(
    "run",
    "run gemma-2b-it --index squid-game --compare-index squid-game",
    *DATA_OPTIONS,
    *COMPARE_OPTIONS,
)
def run(
    context: Context,
    recipe: str,
    changes: Sequence[str],
    names: Sequence[str],
    over: str | None,
    asked: Path | None,
    split: str,
    gate: bool,
    **sources: Any,
) -> None:
    """All five steps; what is done already is not done again, so the same command goes on where it
    stopped.
    """
    import finetune

    tuned, settings = finetune.load_recipe(recipe, changes), context.settings()
    on = finetune.CompareOn(index=over or "", questions=asked, split=split)
    with _watched() as callbacks:
        done = finetune.run(
            tuned,
            index=_picked(settings, names),
            compare_on=on,
            settings=settings,
            **sources,
            **callbacks,
        )
    _gate(done.comparison, gate)


def _picked(settings: Settings, names: Sequence[str]) -> list[str]:
    return list(names) or [picked_index(settings, None)]


def _tell(event: object) -> None:
    terminal.say(str(event))


def _gate(compared: Compared, gate: bool) -> None:
    if gate and compared.verdict != "better":
        raise click.ClickException(f"The verdict is: {compared.verdict} ({compared.reason}).")


@contextmanager
def _watched() -> Iterator[dict[str, Any]]:
    """The callbacks of a stage that trains. The first Ctrl-C asks it to stop after its step; the
    second stops at once.
    """
    from finetune import Interrupted, TrainingStep
    from finetune.preflight.estimate import in_words

    asked: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        terminal.say(
            "\nStopping after this step; Ctrl-C again stops at once, without a checkpoint.",
            err=True,
        )

    before = signal.signal(signal.SIGINT, handle)
    try:
        with terminal.StageProgress() as progress:

            def on_event(event: object) -> None:
                if isinstance(event, TrainingStep):
                    rate, memory = f"{event.tokens_per_second:.0f}", in_words(event.memory)
                    note = f"loss {event.loss:.3f}, {rate} tokens/s, {memory}"
                    progress("training", event.step, event.steps, note)
                else:
                    _tell(event)

            yield {"progress": progress, "on_event": on_event, "stopped": lambda: bool(asked)}
    except Interrupted as error:
        terminal.say(str(error), err=True)
        raise click.Abort from error
    finally:
        signal.signal(signal.SIGINT, before)
