"""The command line: `reviewqa`. The one place where errors become messages and exit codes.

Exit codes: 0 done, 1 our error or a check that failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from rag.config import DEBUG_VARIABLE
from rag.schema import Answer, ReviewQAError
from ui.cli import terminal
from ui.cli.eval import eval_group
from ui.cli.finetune import finetune_group
from ui.cli.index import index_group, reviews_group
from ui.cli.options import Context, example, picked_index


@click.group(
    epilog=example('reviewqa ask "What do viewers dislike about the VIPs?" --index squid-game')
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    help="Settings file; default reviewqa.toml.",
)
@click.option(
    "--indexes-dir", type=click.Path(path_type=Path), help="Where indexes live; default indexes/."
)
@click.version_option(package_name="reviewqa")
@click.pass_context
def cli(context: click.Context, settings_file: Path | None, indexes_dir: Path | None) -> None:
    """Ask questions of a pile of reviews; every sentence of an answer cites the reviews it rests
    on.
    """
    context.obj = Context(settings_file, {"indexes_dir": indexes_dir})


cli.add_command(reviews_group)
cli.add_command(index_group)
cli.add_command(eval_group)
cli.add_command(finetune_group)


@cli.command(epilog=example('reviewqa ask "Is the dubbing any good?" --index squid-game --json'))
@click.argument("question")
@click.option("--index", "name", help="Name of the index; may be left out when there is only one.")
@click.option(
    "--generator",
    help='"auto", "extractive", "openai", "smollm2-135m", or a model\'s name or folder.',
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--show-prompt", is_flag=True, help="Print the messages instead of asking.")
@click.option(
    "--where", default="", help='Ask only some reviews: "rating >= 8 and date >= 2024-12".'
)
@click.option(
    "--after", "previous", multiple=True, help="A question asked before this one; may be repeated."
)
@click.pass_obj
def ask(
    context: Context,
    question: str,
    name: str | None,
    generator: str | None,
    as_json: bool,
    show_prompt: bool,
    where: str,
    previous: tuple[str, ...],
) -> None:
    """Answer QUESTION from the reviews of an index."""
    from rag.answering.pipeline import Pipeline
    from rag.index.filters import parse_where

    conditions = parse_where(where)

    if not question.strip():
        raise click.BadParameter("the question is empty", param_hint="QUESTION")
    question, *earlier = (  # bytes of the command line that are no UTF-8
        text.encode(errors="replace").decode() for text in (question, *previous)
    )
    settings = context.settings(generator=generator)
    pipeline = Pipeline.open(settings, picked_index(settings, name))
    if show_prompt:
        messages = pipeline.messages(question, conditions, earlier)
        terminal.say_json(messages) if as_json else terminal.say(
            "\n".join(m["content"] for m in messages)
        )
        return
    for piece in pipeline.stream(question, where=conditions, previous=earlier):
        if isinstance(piece, Answer):
            terminal.say_json(terminal.answer_object(piece)) if as_json else terminal.say(
                terminal.answer_footer(piece)
            )
        elif not as_json:
            terminal.say(piece, newline=False)


@cli.command(epilog=example("reviewqa app --port 8600"))
@click.option("--host", help="Address to listen on; default 127.0.0.1, this machine only.")
@click.option("--port", type=int, help="Port to listen on; default 8501.")
@click.pass_obj
def app(context: Context, host: str | None, port: int | None) -> None:
    """Serve the app and print its address."""
    from ui.serve import serve

    settings = context.settings(host=host, port=port)
    serve(settings, lambda address: terminal.say(f"The app is at {address}  (Ctrl-C ends it)"))


def main() -> None:
    """Entry point of `reviewqa`."""
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        terminal.say("Interrupted.", err=True)
        sys.exit(130)
    except ReviewQAError as error:
        terminal.say(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
    except MemoryError:
        terminal.say("error: there is not enough memory for this. Close other programs.", err=True)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader left; flushing at exit must not complain
        sys.exit(0)
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        terminal.say(
            f"error: something unforeseen went wrong ({type(error).__name__}: "
            f"{' '.join(str(error).split())}). "
            f"Run it again with {DEBUG_VARIABLE}=1 for the details.",
            err=True,
        )
        sys.exit(1)
