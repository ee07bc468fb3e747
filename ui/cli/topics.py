"""The command `reviewqa topics`."""

from __future__ import annotations

import click

from ui.cli import terminal
from ui.cli.options import Context, example


@click.command("topics", epilog=example('reviewqa topics squid-game --where "rating <= 4"'))
@click.argument("name")
@click.option(
    "--where", default="", help='Count only some reviews: "rating >= 8 and date >= 2024-12".'
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def topics_command(context: Context, name: str, where: str, as_json: bool) -> None:
    """What the reviews of the index NAME speak of: how many, for and against, and the best
    quotation of each side.
    """
    import rag

    index = rag.open(name, settings=context.settings())
    topics = index.topics(where=where)
    if as_json:
        terminal.say_json({"index": name, "topics": [topic.to_dict() for topic in topics]})
    else:
        terminal.show("topics", topics)
