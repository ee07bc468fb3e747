"""`reviewqa finetune embedder`: adapting the embedder to one's own reviews."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from ui.cli import terminal
from ui.cli.options import Context, example, picked_index


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
    help="Question file: its train split is trained on, its dev split decides. Without one, titles do.",
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
@click.option("--lr", default=2e-5, show_default=True, type=click.FloatRange(0, 1, min_open=True))
@click.option("--max-steps", default=-1, help="Stop after so many steps; -1 for all.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--accept",
    type=click.Choice(["better", "any-gain"]),
    default="better",
    show_default=True,
    help='"better": the rise is no chance by the paired test; "any-gain": any rise.',
)
@click.option("--resume", is_flag=True, help="Go on with a training that was interrupted.")
@click.option("--dry-run", is_flag=True, help="Show what would be trained on, and train nothing.")
@click.pass_obj
def embedder(
    context: Context,
    name: str | None,
    model: str,
    questions: Path | None,
    kinds: tuple[str, ...],
    most: int,
    epochs: int,
    batch_size: int,
    lr: float,
    max_steps: int,
    seed: int,
    accept: str,
    resume: bool,
    dry_run: bool,
) -> None:
    """Train the embedder on pairs from an index's reviews and a question set, and keep it only if
    it finds better.
    """
    from finetune.data.pairs import KINDS
    from finetune.embedder import METRIC, Material, Training, adapt_embedder, training_pairs
    from finetune.gate import hold_out
    from rag.config import index_fingerprint
    from rag.embedding import make_embedder
    from rag.evaluation.questions import read_questions
    from rag.index import ReviewIndex, index_folder

    settings = context.settings()
    folder = index_folder(
        settings.paths.models_dir, model
    )  # a model's name is as an index's: it cannot leave its folder
    training = Training(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=lr,
        max_steps=max_steps,
        seed=seed,
        kinds=kinds or KINDS,
        most=most,
        any_gain=accept == "any-gain",
    )
    asked = read_questions(questions) if questions is not None else []
    index = ReviewIndex.open(index_folder(settings.paths.indexes_dir, picked_index(settings, name)))
    base = make_embedder(settings)
    index.require_fingerprint(
        index_fingerprint(base.identity, settings.index.chunking, settings.index.chunk_tokens),
        base.identity,
    )
    if dry_run:
        held_out = hold_out(index, asked)
        pairs = training_pairs(Material(index, base, asked), held_out, training)
        counts = ", ".join(
            f"{count} {kind}" for kind, count in Counter(pair.kind for pair in pairs).items()
        )
        terminal.say(
            f"{len(pairs)} pairs ({counts}), {sum(bool(pair.negative) for pair in pairs)} with a "
            "near miss; "
            f"{len(held_out.questions)} {'titles' if held_out.proxy else 'questions'} decide."
        )
        for pair in pairs[:: max(1, len(pairs) // 5)][:5]:
            terminal.say(
                f"\n{pair.kind}: {pair.anchor}\n  finds  {pair.positive}\n  not    "
                f"{pair.negative or '-'}"
            )
        return
    with terminal.StageProgress() as progress:
        found = adapt_embedder(
            settings,
            Material(index, base, asked),
            folder,
            training,
            resume=resume,
            progress=progress,
        )
    change = found.difference
    what = "held-out titles (a stand-in for questions)" if found.proxy else "dev questions"
    terminal.say(
        f"{METRIC} on {len(found.before.domains)} {what}: "
        f"{found.before.interval(METRIC)} before, {found.after.interval(METRIC)} after; "
        f"difference {change.difference:+.3f} [{change.low:+.3f}, {change.high:+.3f}], p = "
        f"{change.p_value:.3f}."
    )
    if not found.accepted:
        raise click.ClickException(
            "The adapted embedder is not better, and was not kept: "
            + (
                "the rise may be chance (--accept any-gain keeps it)."
                if change.difference > 0
                else "it finds no more."
            )
        )
    terminal.say(
        f"Kept in {found.folder}. Use it with REVIEWQA_EMBEDDING__MODEL={found.folder} and rebuild: "
        f"reviewqa index build FILE --name {index.name}"
    )
