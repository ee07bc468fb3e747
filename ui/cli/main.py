"""The command line: `reviewqa`. The one place where errors become messages and exit codes.

Exit codes: 0 done, 1 our error or a check that failed, 2 wrong usage or no consent, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from rag.config.variables import DEBUG_VARIABLE, LOG_VARIABLE
from rag.logging import configure_logging
from rag.process import passive_threads, safe_imports
from rag.schema import ReviewQAError
from ui.cli import terminal
from ui.cli.config import config_group
from ui.cli.doctor import doctor
from ui.cli.eval import eval_group
from ui.cli.finetune import finetune_group
from ui.cli.gemma import gemma
from ui.cli.index import index_group, reviews_group
from ui.cli.options import Context, example, options_as, picked_index
from ui.cli.topics import topics_command
from ui.render.words import one_line


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
@click.option(
    "-v", "--verbose", count=True, help="Log what is done; -vv: and how long each step takes."
)
@click.version_option(package_name="reviewqa")
@click.pass_context
def cli(
    context: click.Context, settings_file: Path | None, indexes_dir: Path | None, verbose: int
) -> None:
    """Ask questions of a pile of reviews; every sentence of an answer cites the reviews it rests
    on.
    """
    configure_logging(verbose, os.environ.get(LOG_VARIABLE, ""))
    context.obj = Context(settings_file, {"paths.indexes_dir": indexes_dir})


cli.add_command(reviews_group)
cli.add_command(index_group)
cli.add_command(eval_group)
cli.add_command(finetune_group)
cli.add_command(config_group)
cli.add_command(gemma)
cli.add_command(topics_command)
cli.add_command(doctor)


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How a question is asked and its answer printed."""

    index: str | None
    generator: str | None
    as_json: bool
    show_prompt: bool
    explain: bool
    where: str
    by: str | None
    previous: tuple[str, ...]


@cli.command(epilog=example('reviewqa ask "Is the dubbing any good?" --index squid-game --json'))
@click.argument("question")
@click.option("--index", help="Name of the index; may be left out when there is only one.")
@click.option(
    "--generator",
    help='"auto", "extractive", "openai", "smollm2-135m", or a model\'s name or folder.',
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--show-prompt", is_flag=True, help="Print the messages instead of asking.")
@click.option("--explain", is_flag=True, help="Print first how the question is understood.")
@click.option(
    "--where", default="", help='Ask only some reviews: "rating >= 8 and date >= 2024-12".'
)
@click.option(
    "--by",
    type=click.Choice(["rating", "time", "item"]),
    help="Tell apart, too, what was counted.",
)
@click.option(
    "--after", "previous", multiple=True, help="A question asked before this one; may be repeated."
)
@options_as(AskOptions)
@click.pass_obj
def ask(context: Context, question: str, options: AskOptions) -> None:
    """Answer QUESTION from the reviews of an index."""
    import rag
    from rag.answer import Answer

    if not question.strip():
        raise click.BadParameter("the question is empty", param_hint="QUESTION")
    settings = context.settings({"generator.name": options.generator})
    index = rag.open(picked_index(settings, options.index), settings=settings)
    if options.explain:
        terminal.show("plan", index.plan(question, after=options.previous).as_dict())
    if options.show_prompt:
        messages = index.messages(question, where=options.where, after=options.previous)
        if options.as_json:
            terminal.say_json(messages)
        else:
            terminal.say("\n".join(message["content"] for message in messages))
        return
    for piece in index.stream(question, where=options.where, after=options.previous):
        if isinstance(piece, Answer) and piece.to_be_worded:
            continue
        if options.as_json and isinstance(piece, Answer):
            terminal.say_json(piece.to_dict())
        elif isinstance(piece, Answer):
            terminal.say("\n")
            for breakdown in piece.breakdowns:
                if breakdown.by == options.by:
                    terminal.show("apart", breakdown)
            terminal.show("footer", piece)
        elif not options.as_json:
            terminal.say(piece, newline=False)


@dataclass(frozen=True, slots=True)
class AppOptions:
    """Where the app is served, and to whom."""

    host: str | None
    port: int | None
    public_name: str | None
    allow_remote: bool
    behind_proxy: bool


@cli.command(epilog=example("reviewqa app --port 8600"))
@click.option("--host", help="Address to listen on; default 127.0.0.1, this machine only.")
@click.option("--port", type=int, help="Port to listen on; default 8501.")
@click.option("--public-name", help="Name under which others reach the app.")
@click.option("--allow-remote", is_flag=True, help="Listen beyond this machine.")
@click.option(
    "--behind-proxy", is_flag=True, help="A proxy in front asks people to log in; the app does not."
)
@options_as(AppOptions)
@click.pass_obj
def app(context: Context, options: AppOptions) -> None:
    """Serve the app and print its address."""
    from ui.serve import serve

    settings = context.settings(
        {
            "server.host": options.host,
            "server.port": options.port,
            "server.public_name": options.public_name,
        }
    )
    serve(
        settings,
        terminal.say,
        allow_remote=options.allow_remote,
        behind_proxy=options.behind_proxy,
    )


def main() -> None:
    """Entry point of `reviewqa`."""
    safe_imports()
    passive_threads()
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        terminal.say("Interrupted.", err=True)
        sys.exit(130)
    except ReviewQAError as error:
        terminal.say(f"error: {one_line(str(error))}", err=True)
        from rag.config import ConsentError

        sys.exit(2 if isinstance(error, ConsentError) else 1)
    except MemoryError:
        terminal.say("error: there is not enough memory for this. Close other programs.", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # whoever read this has left; flushing at exit must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        terminal.say(
            f"error: something unforeseen went wrong ({type(error).__name__}: "
            f"{one_line(str(error))}). Run it again with {DEBUG_VARIABLE}=1 for the details.",
            err=True,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
