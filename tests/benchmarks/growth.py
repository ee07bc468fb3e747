"""How does each stage grow with the number of reviews? ``python -m tests.benchmarks.growth REVIEWS.jsonl
--like NAME [--indexes FOLDER] --reviews 100 1000 10000 --plot FILE.svg``

Builds an index of the first so many reviews, with vectors that are mixtures of those of the index NAME
(see `retrieval_speed`), removes every hundredth review, adds these again, and asks the sample's
questions; prints the processor's seconds of each stage, on one thread, and draws them. What a model
would take to embed is told from the sentences of 200 of the reviews: it is the same for each.
"""

from __future__ import annotations

import html
import json
import math
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from rag.chunking import split_sentences
from rag.config import Settings
from rag.embedding import Embedder, make_embedder, query_vector
from rag.index import Mode, ReviewIndex, index_folder
from rag.index.ingest import rebuild
from rag.retrieval import Limits, retrieve
from rag.understanding.intent import content_words, wants_overview
from tests.benchmarks.measuring import options, sample_questions, show, temporary_settings
from tests.benchmarks.plots import named_line
from tests.benchmarks.retrieval_speed import StandIn
from tests.benchmarks.update import write

MEMORY = "most memory, GB"
_ENCODED = 200  # reviews whose sentences are embedded
_TOP = 80  # sentences that a question looks for
_COLOURS = ("#0b6e99", "#b3541e", "#4c7a34", "#7a3e8e", "#a88b00", "#555555", "#d0457a")
_LEFT, _TOP_EDGE, _WIDTH, _HEIGHT = 60, 40, 330, 300  # of a panel
Points = dict[str, list[tuple[int, float]]]
"""Of each stage its sentences and seconds."""


def changed(
    settings: Settings,
    embedder: Embedder,
    name: str,
    files: Sequence[Path],
    mode: Mode,
    **more: object,
) -> dict[str, float]:
    """Processor seconds of each stage of a change."""
    ends: dict[str, float] = {}
    begun = time.process_time()

    def mark(stage: str, done: int, total: int) -> None:
        ends[stage] = time.process_time()

    rebuild(settings, name, files, mode=mode, progress=mark, embedder=embedder, **more)  # type: ignore[arg-type]
    ends["opening"] = time.process_time()
    return dict(zip(ends, np.diff([begun, *ends.values()]).tolist(), strict=True))


def encoding_time(embedder: Embedder, file: Path) -> float:
    """Processor seconds that the model takes for a sentence of the first reviews."""
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, _ENCODED)]
    texts = [row.get("text") or row["review"] for row in rows]
    sentences = [text[begin:end] for text in texts for begin, end in split_sentences(text)]
    embedder.embed_documents(sentences[:64])  # warm
    begun = time.process_time()
    embedder.embed_documents(sentences)
    return (time.process_time() - begun) / len(sentences)


def asked(index: ReviewIndex, embedder: Embedder, limits: Limits) -> dict[str, float]:
    """Processor seconds of a question's stages, medians over the sample's questions."""
    questions = [question for question in sample_questions() if not wants_overview(question)]
    vectors = {question: query_vector(embedder, question)[None, :] for question in questions}
    stages: Mapping[str, Callable[[str], object]] = {
        "embed the question": lambda question: query_vector(embedder, question),
        "nearest sentences": lambda question: index.search(vectors[question], _TOP),
        "words": lambda question: index.word_scores(content_words(question)),
        "question to passages": lambda question: retrieve(index, embedder, question, limits),
    }
    found = {}
    for stage, work in stages.items():
        spent = []
        for question in [*questions[:5], *questions]:
            begun = time.process_time()
            work(question)
            spent.append(time.process_time() - begun)
        found[stage] = float(np.median(spent[5:]))
    return found


def panel(title: str, points: Points, left: int) -> list[str]:
    """A chart with logarithmic axes: sentences across, seconds upwards."""
    across = [x for line in points.values() for x, _ in line]
    upwards = [max(y, 1e-5) for line in points.values() for _, y in line]
    x0, x1 = math.floor(math.log10(min(across))), math.ceil(math.log10(max(across)))
    y0, y1 = math.floor(math.log10(min(upwards))), math.ceil(math.log10(max(upwards)))

    def place(x: float, y: float) -> tuple[float, float]:
        wide = (math.log10(x) - x0) / max(x1 - x0, 1)
        high = (math.log10(max(y, 1e-5)) - y0) / max(y1 - y0, 1)
        return left + wide * _WIDTH, _TOP_EDGE + (1 - high) * _HEIGHT

    parts = [
        f'<text x="{left}" y="{_TOP_EDGE - 16}" font-weight="bold">{html.escape(title)}</text>'
    ]
    for power in range(x0, x1 + 1):
        x, _ = place(10**power, 10.0**y0)
        bottom = _TOP_EDGE + _HEIGHT
        parts.append(
            f'<line x1="{x:.0f}" y1="{_TOP_EDGE}" x2="{x:.0f}" y2="{bottom}" stroke="#ddd"/>'
        )
        parts.append(
            f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{10**power:,}</text>'
        )
    for power in range(y0, y1 + 1):
        _, y = place(10**x0, 10.0**power)
        parts.append(
            f'<line x1="{left}" y1="{y:.0f}" x2="{left + _WIDTH}" y2="{y:.0f}" stroke="#ddd"/>'
        )
        label = f"{10.0**power:g} s" if power >= -1 else f"{10.0 ** (power + 3):g} ms"
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{label}</text>')
    for number, (stage, line) in enumerate(points.items()):
        places = [place(*point) for point in line]
        colour = _COLOURS[number % len(_COLOURS)]
        parts += named_line(stage, places, colour, number, left, _TOP_EDGE + _HEIGHT + 44)
    return parts


def picture(panels: Mapping[str, Points]) -> str:
    """Charts side by side, as SVG."""
    wide = len(panels) * (_LEFT + _WIDTH + 20) + 10
    high = _TOP_EDGE + _HEIGHT + 60 + 18 * max(map(len, panels.values()))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{html.escape('; '.join(panels))}: processor seconds by number of sentences</title>",
        f'<rect width="{wide}" height="{high}" fill="white"/>',
    ]
    for number, (title, points) in enumerate(panels.items()):
        parts += panel(title, points, _LEFT + number * (_LEFT + _WIDTH + 20))
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Print the tables and draw the plot."""
    parser = options(__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--indexes", type=Path, default=Settings().paths.indexes_dir)
    parser.add_argument("--like", required=True)
    parser.add_argument("--reviews", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    build, update, question = Points(), Points(), Points()
    with temporary_settings() as settings:
        folder = settings.paths.indexes_dir
        real = make_embedder(settings)
        embedder = StandIn(real, ReviewIndex.open(index_folder(given.indexes, given.like)))
        each = encoding_time(real, given.file)
        for count in given.reviews:
            part = folder / f"{count}.jsonl"
            with given.file.open(encoding="utf-8") as lines:
                part.write_text("".join(islice(lines, count)), encoding="utf-8")
            name = f"first-{count}"
            stages = changed(settings, embedder, name, [part], "new")
            index = ReviewIndex.open(index_folder(folder, name))
            sentences = index.manifest.sentences
            stages["embedding"] = each * sentences
            leave = list(islice(index.reviews(), 0, None, 100))
            write(leave, part)
            ids = [review.review_id for review in leave]
            removing = sum(changed(settings, embedder, name, [], "update", delete=ids).values())
            adding = sum(changed(settings, embedder, name, [part], "update").values())
            adding += each * sentences / 100
            answers = asked(index, real, Limits.of(settings))
            for points, found in (
                (build, stages),
                (update, {"removing 1%": removing, "adding 1%, with embedding": adding}),
                (question, answers),
            ):
                for stage, seconds in found.items():
                    points.setdefault(stage, []).append((sentences, seconds))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            rows = {**stages, "removing 1%": removing, "adding 1%": adding, **answers}
            print(json.dumps({"sentences": sentences, MEMORY: memory, **rows}), flush=True)
            del index
            panels = {"Build": build, "Update": update, "Question": question}
            if given.plot:
                given.plot.write_text(picture(panels), encoding="utf-8")
    for title, points in panels.items():
        header = [title, *(f"{x:,} sentences" for x, _ in next(iter(points.values())))]
        rows_of = [[stage, *(f"{y:.3g}" for _, y in line)] for stage, line in points.items()]
        show("Processor seconds", header, rows_of)


if __name__ == "__main__":
    main()
