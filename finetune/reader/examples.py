"""What the reader learns from: texts of the project's own, and sets that may be used freely.

The project's own: sentences of reviews of invented things, what each says of which aspect, claims
over them and questions to them, each written for its own text (`finetune/reader/data`). The others
are read from a folder of JSON lines where there is one; see `data/README.md` for what they are.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.reader.synthetic import synthetic_pairs

DATA = Path(__file__).parent / "data"
HELD_OUT_THINGS = ("jacket", "thriller")
HELD_OUT_EACH = 20
CONTRASTS = "contrasts"
POINTS = "points"
HELD_OUT_POINTS = ("shampoo", "car_rental")
NOT_ENTAILED = "not_entailed"  # contradicted or not stated: the set does not tell which


@dataclass(frozen=True, slots=True)
class Example:
    """A pair of texts and what a head should say of it; `kind` is of what kind the claim is, and
    `source` what it was taken from.
    """

    first: str
    second: str
    label: str
    kind: str = ""
    source: str = "written for this"


Examples = dict[str, list[Example]]
"""Of each head."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One invented thing: its sentences by id, and the rows of the other two files."""

    name: str
    sentences: Mapping[str, Mapping[str, Any]]
    claims: Sequence[Mapping[str, Any]]
    questions: Sequence[Mapping[str, Any]]

    def text(self, sentence_id: str) -> str:
        """The words of a sentence."""
        return str(self.sentences[sentence_id]["s"])


def read_things(folder: Path = DATA) -> list[Thing]:
    """Every invented thing there is, by name. Raises `OSError`, `ValueError`."""
    return [
        Thing(
            place.name,
            {row["id"]: row for row in _rows(place / "sentences.jsonl")},
            list(_rows(place / "claims.jsonl")),
            list(_rows(place / "questions.jsonl")),
        )
        for place in sorted((folder / "things").iterdir())
    ]


def read_contrasts(folder: Path = DATA) -> list[Mapping[str, Any]]:
    """Sentences with what does and does not follow from each. Raises `OSError`, `ValueError`."""
    return [row for file in sorted((folder / "contrasts").glob("*.jsonl")) for row in _rows(file)]


def read_points(folder: Path = DATA) -> dict[str, list[Mapping[str, Any]]]:
    """Of each thing, points that reviewers make, with texts that do and do not make them. Raises
    `OSError`, `ValueError`.
    """
    return {file.stem: list(_rows(file)) for file in sorted((folder / POINTS).glob("*.jsonl"))}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        yield from map(json.loads, file)


def own_claims(things: Sequence[Thing]) -> list[Example]:
    """(evidence, claim) pairs that were written."""
    return [
        Example(
            " ".join(thing.text(sentence) for sentence in row["premise"]),
            row["claim"],
            row["label"],
            row["kind"],
        )
        for thing in things
        for row in thing.claims
    ]


_LABELS = {
    "faithful": "entailed",
    "flip": "contradicted",
    "alter": "contradicted",
    "addition": "not_stated",
    "topic": "not_stated",
}


def contrasted(contrasts: Sequence[Mapping[str, Any]]) -> Examples:
    """The examples of each head that the contrasts give."""
    support, answers, stance = [], [], []
    for row in contrasts:
        support += [
            Example(row["p"], claim, label, kind, CONTRASTS)
            for kind, label in _LABELS.items()
            for claim in row[kind]
        ]
        for key, label in (("ask", "yes"), ("no", "no")):
            answers += [Example(asked, row["p"], label, source=CONTRASTS) for asked in row[key]]
        for aspect, side in (("", row["stance"]), *row["aspects"].items()):
            stance.append(Example(aspect, row["p"], side, source=CONTRASTS))
    return {"support": support, "answers": answers, "stance": stance}


_OF_POINTS = {
    "makes": "entailed",
    "opposite": "contradicted",
    "hedged": "not_stated",
    "other": "not_stated",
}


def from_points(things: Sequence[Sequence[Mapping[str, Any]]], draw: random.Random) -> Examples:
    """Does a text make a point? Each text with two wordings of its point, and now and then with
    another point of the same thing; those that make a point or deny it answer its question.
    """
    support, answers = [], []
    for points in things:
        for point in points:
            others = [other for other in points if other is not point]
            for key, label in _OF_POINTS.items():
                for text in point[key]:
                    for wording in draw.sample(point["points"], 2):
                        support.append(Example(text, wording, label, key, POINTS))
                    other = draw.choice(others)
                    if key == "makes":
                        wording = draw.choice(other["points"])
                        support.append(Example(text, wording, "not_stated", "topic", POINTS))
                    if key in ("makes", "opposite"):
                        answers.append(Example(point["question"], text, "yes", source=POINTS))
                        answers.append(Example(other["question"], text, "no", source=POINTS))
    return {"support": support, "answers": answers}


def own_stances(things: Sequence[Thing], draw: random.Random) -> list[Example]:
    """(aspect, sentence) pairs: the whole sentence's with no aspect, each aspect's, and now and
    then an aspect of which the sentence says nothing.
    """
    examples = []
    for thing in things:
        aspects = sorted({name for row in thing.sentences.values() for name in row["aspects"]})
        for row in thing.sentences.values():
            examples.append(Example("", row["s"], row["stance"]))
            examples += [Example(name, row["s"], stance) for name, stance in row["aspects"].items()]
            other = draw.choice(aspects)
            words = set(f"{row['s']} {' '.join(row['aspects'])}".lower().split())
            if row["aspects"] and draw.random() < 0.3 and not words & set(other.lower().split()):
                examples.append(Example(other, row["s"], "neutral"))
    return examples


_ASKED = (
    "What do people say about the {}?",
    "How is the {}?",
    "what about {}",
    "Is the {} any good?",
    "{}?",
    "What do reviewers think of the {}?",
)


def own_answers(things: Sequence[Thing], draw: random.Random) -> list[Example]:
    """(question, sentence) pairs: of the questions written, and of aspects asked about by name."""
    examples = []
    for thing in things:
        for row in thing.questions:
            for label in ("yes", "no"):
                examples += [Example(row["question"], thing.text(i), label) for i in row[label]]
            chosen = {*row["yes"], *row["no"]}
            others = [i for i in thing.sentences if i not in chosen]
            if row["yes"]:
                examples.append(Example(row["question"], thing.text(draw.choice(others)), "no"))
        rows = list(thing.sentences.values())
        for row in rows:
            for name, stance in row["aspects"].items():
                question = draw.choice(_ASKED).format(name.removeprefix("the "))
                examples.append(Example(question, row["s"], "no" if stance == "neutral" else "yes"))
                other = draw.choice(rows)
                if not _shares_a_word(name, (other["s"], *other["aspects"])):
                    examples.append(Example(question, other["s"], "no"))
    return examples


def _shares_a_word(name: str, texts: Sequence[str]) -> bool:
    return bool(set(name.lower().split()) & set(" ".join(texts).lower().split()))


_LETTERS = {"e": "entailed", "c": "contradicted", "n": "not_stated", "ne": NOT_ENTAILED}
_PAIRS = {  # sets of (premise, hypothesis) pairs, and how many rows of each are enough
    "nli_conj_adv": 4000,
    "nli_neg_mnli": 1500,
    "nli_neg_snli": 1500,
    "nli_neg_rte": 700,
    "nli_scitail_test": 700,
    "nli_ibm_kpa": 4000,
}
_QUESTIONS = {
    "qa_selqa_dev": 2700,
    "qa_reviewrc_laptop_train": 2400,
    "qa_reviewrc_rest_train": 1900,
}


def free_sets(folder: Path, draw: random.Random) -> Examples:
    """Examples of each head from the sets under Apache-2.0, MIT or CC BY in `folder`."""
    support, answers, stance = [], [], []
    for name, most in _PAIRS.items():
        rows = list(_rows(folder / f"{name}.jsonl.gz"))
        support += [
            Example(row["p"], row["h"], _LETTERS[row["y"]], source=name)
            for row in draw.sample(rows, min(most, len(rows)))
        ]
    for name, most in _QUESTIONS.items():
        rows = list(_rows(folder / f"{name}.jsonl.gz"))
        yes = [row for row in rows if row["y"]]
        no = draw.sample(
            [row for row in rows if not row["y"]], min(2 * len(yes), len(rows) - len(yes))
        )
        answers += [
            Example(row["q"], row["s"], "yes" if row["y"] else "no", source=name)
            for row in draw.sample([*yes, *no], min(most, len(yes) + len(no)))
        ]
    for row in _rows(folder / "stance_uci.jsonl.gz"):
        stance.append(Example("", row["s"], "praise" if row["y"][0] else "criticism", source="uci"))
    stance += _mams(folder)
    return {"support": support, "answers": answers, "stance": stance}


def _mams(folder: Path) -> list[Example]:
    """Multi-aspect sentences (Jiang et al. 2019), an example an aspect."""
    sentences = {row["s"] for row in _rows(folder / "stance_mams.jsonl.gz")}
    labels = {
        "positive": "praise",
        "negative": "criticism",
        "neutral": "neutral",
        "conflict": "mixed",
    }
    return [
        Example(row["aspect"], row["s"], labels[row["polarity"]], source="mams")
        for row in _rows(folder / "aspects.jsonl.gz")
        if row["s"] in sentences and row["aspect"] and row["polarity"] in labels
    ]


def split_examples(free: Path | None, seed: int = 0) -> tuple[Examples, Examples]:
    """The examples of each head to train on, and those held out: a thing, and a twentieth of the
    contrasts. `free` is the folder of the sets that are not the project's own.
    """
    things, contrasts, points = read_things(), read_contrasts(), read_points()
    kept = [thing for thing in things if thing.name not in HELD_OUT_THINGS]
    apart = [thing for thing in things if thing.name in HELD_OUT_THINGS]
    examples = training_examples(
        kept,
        [row for n, row in enumerate(contrasts) if n % HELD_OUT_EACH],
        [rows for name, rows in points.items() if name not in HELD_OUT_POINTS],
        free,
        seed,
    )
    held_out = training_examples(
        apart,
        [row for n, row in enumerate(contrasts) if n % HELD_OUT_EACH == 0],
        [points[name] for name in HELD_OUT_POINTS],
        None,
        seed,
    )
    held_out["support"] = [row for row in held_out["support"] if row.source != "made by rule"]
    return examples, held_out


def training_examples(
    things: Sequence[Thing],
    contrasts: Sequence[Mapping[str, Any]],
    points: Sequence[Sequence[Mapping[str, Any]]],
    free: Path | None,
    seed: int = 0,
) -> Examples:
    """All examples of each head, in an order that the seed decides."""
    draw = random.Random(seed)
    texts = [[str(row["s"]) for row in thing.sentences.values()] for thing in things]
    examples = {
        "support": own_claims(things),
        "answers": own_answers(things, draw),
        "stance": own_stances(things, draw),
    }
    for made in (contrasted(contrasts), from_points(points, draw)):
        for head, more in made.items():
            examples[head] += more
    if free is not None:
        added = free_sets(free, draw)
        for head, more in added.items():
            examples[head] += more
        texts.append(list(dict.fromkeys(e.second for e in added["stance"])))
    examples["support"] += [
        Example(*pair, source="made by rule") for pair in synthetic_pairs(texts, draw)
    ]
    for rows in examples.values():
        draw.shuffle(rows)
    return examples
