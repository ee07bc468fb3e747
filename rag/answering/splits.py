"""What was counted, told apart by rating, over time and by item, and which item comes off best."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.answer import Breakdown
from rag.answering.headline import FEW, in_a_row, reviews
from rag.answering.opinions import Opinions
from rag.answering.points import Point
from rag.answering.prompt import Group
from rag.answering.tally import wilson
from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.index.voices import Voices, slices_of
from rag.reader.stance import NEUTRAL_BAND
from rag.schema import Side, Slice
from rag.understanding.names import item_name
from rag.understanding.split import Facet, Split

_MOST_ITEMS = 12  # that are told apart: those of which most reviews speak
_TOLD = 10  # slices in a sentence
_RANKED = 3  # items told of as best
_APART = 0.2  # in the share that is for it, from which the last is told of, too
_JUDGE = 3  # reviews that judge an item, to rank it
_NAMED: dict[Facet, str] = {"rating": "By rating", "time": "Over time", "item": "By item"}
_BRACKET = re.compile(r" \([^()]*\)$")

Sided = Sequence[tuple[Group, Sequence[Point]]]


def breakdowns(
    index: ReviewIndex, opinions: Opinions, points: Sided = (), where: Mask | None = None
) -> tuple[Breakdown, ...]:
    """The opinions and their points by rating, over time and by item, as far as the reviews that are
    chosen have several of these.
    """
    chosen = slice(None) if where is None else np.unique(index.sentence_review[where])
    meets = np.zeros(index.manifest.reviews, dtype=np.bool_)
    meets[chosen] = True
    voices = Voices.of(index, meets)
    owner = voices.number[index.sentence_review[opinions.rows]]
    speaks, praises, criticises = np.zeros((3, len(voices)), dtype=np.bool_)
    speaks[owner] = True
    praises[owner[opinions.stances >= NEUTRAL_BAND]] = True
    criticises[owner[opinions.stances <= -NEUTRAL_BAND]] = True
    makers = []
    for side, of_side in points:
        for point in of_side:
            makers.append(owner[list(point.count.places)])
            praises[makers[-1]] |= side == "praise"
            criticises[makers[-1]] |= side == "criticism"
    told = []
    for by, labels in _labels(voices).items():
        if len(set(labels.tolist()) - {""}) < 2:
            continue
        slices = slices_of(labels, speaks, praises, criticises)
        if by == "item":
            slices = tuple(sorted(slices, key=lambda each: -each.reviews)[:_MOST_ITEMS])
        made = tuple(
            tuple(int((labels[makes] == each.label).sum()) for each in slices) for makes in makers
        )
        told.append(Breakdown(by, tuple(_scaled(each, opinions) for each in slices), made))
    return tuple(told)


def _labels(voices: Voices) -> dict[Facet, NDArray[np.str_]]:
    return {"rating": voices.ratings, "time": voices.periods, "item": item_labels(voices.items)}


def item_labels(items: NDArray[np.str_]) -> NDArray[np.str_]:
    """Items under their names, without a bracket that all of them end with ("(San Francisco)")."""
    different, place = np.unique(items, return_inverse=True)
    names = [item_name(item) for item in different.tolist()]
    ends = {(_BRACKET.search(name) or [""])[0] for name in names if name}
    if len(ends) == 1:
        names = [name.removesuffix(min(ends)) for name in names]
    return np.array(names, dtype=np.str_)[place]


def _scaled(each: Slice, opinions: Opinions) -> Slice:
    """A slice of a sample, for all."""
    speak, praise, criticism = map(opinions.scaled, (each.reviews, each.praise, each.criticism))
    return Slice(each.label, speak, praise, criticism, each.of)


def of_best(
    index: ReviewIndex, opinions: Opinions, side: Side, told: Iterable[Breakdown]
) -> Opinions:
    """The opinions on the items that come off best, or worst, by their breakdowns; all where too few
    are judged to say.
    """
    slices = next((each.slices for each in told if each.by == "item"), ())
    best = [each.label for each in _ranked(slices, side)[:_RANKED]]
    if len(best) < 2:
        return opinions
    items = [item or "" for item in index.reviews_table.column("item").to_pylist()]
    labels = item_labels(np.array(items, dtype=np.str_))[index.sentence_review[opinions.rows]]
    return opinions.only(np.isin(labels, best))


def told_apart(split: Split, told: Iterable[Breakdown], side: Side) -> str:
    """What the headline adds where the question wants its answer told apart; "" where the reviews do
    not tell.
    """
    slices = next((each.slices for each in told if each.by == split.by), ())
    spoken = [each for each in slices if each.reviews]
    if not spoken:
        return ""
    if split.ranked:
        return _ranking(spoken, side)
    most = sorted(spoken, key=lambda each: -each.reviews)[:_TOLD]
    more = f"; and {len(spoken) - _TOLD} more" if len(spoken) > _TOLD else ""
    if split.asks:
        named = [f"{each.label} ({reviews(each.reviews)})" for each in most]
        return f"By what reviewers say: {in_a_row(named)}{more}."
    if split.by != "item":
        most = [each for each in spoken if each in most]  # in their order
    return f"{_NAMED[split.by]}: {'; '.join(_of_slice(each, side) for each in most)}{more}."


def _ranked(slices: Sequence[Slice], side: Side) -> list[Slice]:
    """The best first, by the lower end of the interval of the share that is for them (or against
    them, where the worst is asked for), so that one of one is not better than nine of ten.
    """
    judged = [each for each in slices if each.praise + each.criticism >= _JUDGE]
    worst = side == "criticism"
    return sorted(judged, key=lambda each: -_surely(each, worst=worst))


def _of_slice(each: Slice, side: Side) -> str:
    judge = each.praise + each.criticism
    if side != "neutral":
        number = each.praise if side == "praise" else each.criticism
        return f"{each.label}: {number:,} of {each.of:,} {'praise' if side == 'praise' else 'criticise'} it"
    if not judge:
        return f"{each.label}: {each.reviews:,} of {each.of:,} speak of it"
    return f"{each.label}: {each.praise:,} of {judge:,} favourable"


def _ranking(slices: Sequence[Slice], side: Side) -> str:
    """Which items come off best."""
    order = _ranked(slices, side)
    if len(order) < 2:
        few = [_of_slice(each, "neutral") for each in slices[:_TOLD]]
        return f"Too few reviews judge them to say which: {in_a_row(few)}."
    worst = side == "criticism"
    best, last = order[:_RANKED], order[-1]
    told = in_a_row([_favourable(each, worst=worst) for each in best])
    told = told.replace(")", " that judge it)", 1)
    rest = ""
    if last not in best and abs(last.share - best[0].share) >= _APART:
        rest = f"; {'most' if worst else 'least'} favourable: {_favourable(last, worst=False)}"
    if max(each.praise + each.criticism for each in best) < FEW:
        rest += "; few reviews judge them"
    return f"{'Most critical' if worst else 'Most favourable'}: {told}{rest}."


def _surely(each: Slice, *, worst: bool) -> float:
    return wilson(each.criticism if worst else each.praise, each.praise + each.criticism)[0]


def _favourable(each: Slice, *, worst: bool) -> str:
    number = each.criticism if worst else each.praise
    return f"{each.label} ({number:,} of {each.praise + each.criticism:,})"
