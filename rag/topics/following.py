"""What to ask next after an answer: the topics that its points speak of, other than its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rag.answer import Answer
from rag.topics.definition import Definition, Matcher

MOST = 3
_QUOTES = 2  # reviewers of a point who must speak of a topic that its statement does not name


def question_about(definition: Definition, of: str = "") -> str:
    """What to ask to hear more of a topic; `of` names the item whose reviews are to be asked."""
    called = f"{definition.called} of {of}" if of else definition.called
    return f"What do reviewers say about {called}?"


def next_questions(
    answer: Answer, definitions: Sequence[Definition], asked: Iterable[str] = ()
) -> list[str]:
    """At most `MOST` questions, the one that most of the answer's points lead to first; none where
    they lead nowhere.

    `definitions` are the index's topics, the most spoken of first. A topic counts for a point if
    its statement has a term of it, or half of its reviewers use one. Topics that the question, or
    one of those `asked` before, is about are left out. An answer without points leads nowhere, but
    for a refusal: it is followed by what reviewers speak of most. The one item that a question was
    limited to stays.
    """
    matcher = Matcher(definitions)
    questions = [answer.question, answer.searched_for, *asked]
    known = {topic for question in questions for topic in matcher.topics_of(question)}
    items = [limit["label"] for limit in answer.plan.get("limits", ()) if limit["kind"] == "item"]
    if len(items) > 1:
        return []
    if answer.refused:
        chosen = [topic for topic in range(len(definitions)) if topic not in known]
    else:
        votes: Counter[int] = Counter()
        for point in answer.points:
            votes.update(_topics_of(matcher, point.statement, [s.quote for s in point.said]))
        ranked = sorted(votes, key=lambda topic: (-votes[topic], topic))
        chosen = [topic for topic in ranked if topic not in known]
    return [question_about(definitions[topic], "".join(items)) for topic in chosen[:MOST]]


def _topics_of(matcher: Matcher, statement: str, quotes: Sequence[str]) -> set[int]:
    quoted = Counter(topic for quote in quotes for topic in matcher.topics_of(quote))
    needed = max(_QUOTES, len(quotes) / 2)
    return {*matcher.topics_of(statement), *(t for t, number in quoted.items() if number >= needed)}
