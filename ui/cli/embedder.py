"""`reviewqa finetune embedder`: adapting the embedder to one's own reviews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ui.cli import terminal
from ui.cli.options import Context, example, picked_index

if TYPE_CHECKING:
    from finetune.data.pairs import Pair
    from finetune.embedder import Adapted
    from finetune.gate import HeldOut

_ANY_GAIN = "any-gain"


@click.command(
    "embedder",
    epilog=example(
        "reviewqa finetune embedder --index squid-game --questions rag/sample/questions.jsonl "
        "--name my-embedder"
    ),
)
@click.option(
    "--index", "name", help="Index of the reviews; may be left out when there is only one."
)
@click.option(
    "--name", "model", required=True, help="Name of the new embedder, a folder in models/."
)
@click.option(
    "--questions",
    type=click.Path(path_type=Path),
    help="Question file: its train split is trained on, its dev split decides. Without one, titles "
    "do.",
)
@click.option(
    "--pairs",
    "kinds",
    multiple=True,
    help="Kinds of pairs: question, title, neighbour; may be repeated.",
)
@click.option(
    "--most", default=4000, show_default=True, type=click.IntRange(2), help="Pairs of each kind."
)
@click.option("--epochs", default=1, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(2))
@click.option(
    "--lr",
    "learning_rate",
    default=2e-5,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
)
@click.option("--max-steps", default=-1, help="Stop after so many steps; -1 for all.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--accept",
    type=click.Choice(["better", _ANY_GAIN]),
    default="better",
    show_default=True,
    help='"better": the rise is no chance by the paired test; "any-gain": any rise.',
)
@click.option("--resume", is_flag=True, help="Go on with a training that was interrupted.")
@click.option("--dry-run", is_flag=True, help="Show what would be trained on, and train nothing.")
@click.pass_obj
def embedder(
    context: Context, /, name: str | None, questions: Path | None, dry_run: bool, **stated: Any
) -> None:
    """Train the embedder on pairs from an index's reviews and a question set, and keep it only if
    it finds better.
    """
    from finetune.data.pairs import KINDS
    from finetune.embedder import Material, Training, adapt_embedder, training_pairs
    from finetune.gate import hold_out
    from rag.embedding import make_embedder
    from rag.evaluation.questions import read_questions
    from rag.index import index_folder, open_index

    settings = context.settings()
    # a model's name is as an index's: it cannot leave its folder
    folder = index_folder(settings.paths.models_dir, stated.pop("model"))
    any_gain, resume = stated.pop("accept") == _ANY_GAIN, stated.pop("resume")
    training = Training(**{**stated, "kinds": stated["kinds"] or KINDS}, any_gain=any_gain)
    asked = read_questions(questions) if questions is not None else []
    base = make_embedder(settings)
    index = open_index(settings, picked_index(settings, name), base)
    if dry_run:
        held_out = hold_out(index, asked)
        _show_pairs(training_pairs(Material(index, base, asked), held_out, training), held_out)
        return
    with terminal.StageProgress() as progress:
        adapted = adapt_embedder(
            settings,
            Material(index, base, asked),
            folder,
            training,
            resume=resume,
            progress=progress,
        )
    _show_outcome(adapted, index.name)


def _show_pairs(pairs: Sequence[Pair], held_out: HeldOut) -> None:
    kinds = Counter(pair.kind for pair in pairs)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    terminal.say(
        f"{len(pairs)} pairs ({counts}), {sum(bool(pair.negative) for pair in pairs)} with a near "
        f"miss; {len(held_out.questions)} {'titles' if held_out.proxy else 'questions'} decide."
    )
    for pair in pairs[:: max(1, len(pairs) // 5)][:5]:
        terminal.say(
            f"\n{pair.kind}: {pair.anchor}\n  finds  {pair.positive}\n  not    "
            f"{pair.negative or '-'}"
        )


def _show_outcome(adapted: Adapted, index: str) -> None:
    """Raises `click.ClickException` where the embedder was not kept."""
    from finetune.embedder import METRIC

    change = adapted.difference
    basis = "held-out titles (a stand-in for questions)" if adapted.proxy else "dev questions"
    terminal.say(
        f"{METRIC} on {len(adapted.before.results)} {basis}: "
        f"{adapted.before.interval(METRIC)} before, {adapted.after.interval(METRIC)} after; "
        f"difference {change.difference:+.3f} [{change.low:+.3f}, {change.high:+.3f}], p = "
        f"{change.p_value:.3f}."
    )
    if not adapted.accepted:
        chance = f"the rise may be chance (--accept {_ANY_GAIN} keeps it)"
        reason = chance if change.difference > 0 else "it finds no more"
        raise click.ClickException(
            f"The adapted embedder is not better, and was not kept: {reason}."
        )
    terminal.say(
        f"Kept in {adapted.folder}. Use it with REVIEWQA_EMBEDDING__MODEL={adapted.folder} and rebuild: "
        f"reviewqa index build FILE --name {index}"
    )
