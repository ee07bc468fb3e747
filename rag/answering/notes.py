"""What an answer says of itself: which reviews were read, what nobody writes of, why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from rag.answering.outcome import Outcome
from rag.answering.refusal import Rarity, unsaid_words
from rag.filters import Condition
from rag.schema import RetrievedChunk
from rag.understanding.catalogue import Catalogue
from rag.understanding.names import is_code, item_name
from rag.understanding.plan import QuestionPlan

CLOSEST = "These are the closest reviews; none of them seems to answer the question."
WROTE_NOTHING = "The generator wrote nothing; these are the closest reviews."
NOT_A_COUNT = "These are examples, not a count: only the reviews shown were read for this answer."
CUT_OFF = "The model stopped at the most it may write (generator.max_new_tokens)."
_ITEMS_NAMED = 5  # of the items there are, where the one asked about is not


def no_reviews_of(name: str, catalogue: Catalogue) -> str:
    """What is said where a question names an item that no review is of."""
    there = [item_name(item) for item in list(catalogue.items)[:_ITEMS_NAMED]]
    if all(map(is_code, there)):
        return f"No reviews of {name} are here."
    more = ", and others" if len(catalogue.items) > len(there) else ""
    return f"No reviews of {name} are here. There are reviews of {', '.join(there)}{more}."


def none_meet(plan: QuestionPlan, catalogue: Catalogue) -> str:
    """What is said where no review meets what a question states."""
    text = (
        f"No review is {' and '.join(_in_words(condition, plan) for condition in plan.conditions)}."
    )
    if not any(condition.field == "date" for condition in plan.conditions):
        return text
    if not catalogue.dates:
        return f"{text} The reviews have no dates."
    first, last = catalogue.dates
    return f"{text} The reviews are from {first}{f' to {last}' if first != last else ''}."


def _in_words(condition: Condition, plan: QuestionPlan) -> str:
    values = " or ".join(condition.values)
    if condition.field == "item":
        named = (mention.name for mention in plan.items if mention.items == condition.values)
        return f"of {next(named, values)}"
    if condition.field == "date":
        before = {"=": "from", ">=": "from", ">": "later than", "<": "earlier than", "<=": "until"}
        later = " on" if condition.operator == ">=" else ""
        return f"{before.get(condition.operator, 'from')} {values}{later}"
    return f"rated {condition.operator.replace('=', '') or ''} {values}".replace("  ", " ")


def notes_of(
    plan: QuestionPlan, outcome: Outcome, catalogue: Catalogue, rarity: Rarity, *, refused: bool
) -> tuple[str, ...]:
    """What an answer says of itself."""
    limits = [_in_words(condition, plan) for condition in plan.conditions]
    only = (f"Only reviews {' and '.join(limits)}.",) if limits else ()
    if not outcome.retrieved:
        return only
    if refused:
        nothing = outcome.asked and not outcome.sentences and not outcome.told
        return (*only, WROTE_NOTHING if nothing else CLOSEST)
    unsaid = unsaid_words(plan.aspect, catalogue, rarity) if plan.intent != "overview" else []
    if unsaid:
        only = (*only, f"No review has the word {' or '.join(f'“{word}”' for word in unsaid)}.")
    if outcome.counted:
        return only
    count = (NOT_A_COUNT,) if plan.intent == "count" else ()
    cut = (CUT_OFF,) if outcome.truncated else ()
    return (*only, mix_of(outcome.retrieved), *count, *cut)


def mix_of(retrieved: Sequence[RetrievedChunk]) -> str:
    """How the passages' reviews were rated, counted in code, in a sentence. High is the top third
    of the scale.
    """
    fractions = [chunk.review.rating_fraction for chunk in retrieved]
    rated = [value for value in fractions if value is not None]
    read = f"{len(fractions)} passage{'s' if len(fractions) != 1 else ''} read"
    if not rated:
        return f"{read}, none of them with a rating."
    high, low = sum(value >= 2 / 3 for value in rated), sum(value <= 1 / 3 for value in rated)
    parts = (
        (high, "rated high"),
        (low, "rated low"),
        (len(rated) - high - low, "in between"),
        (len(fractions) - len(rated), "without a rating"),
    )
    return f"{read}: {', '.join(f'{number} {how}' for number, how in parts if number)}."
