"""What to ask next: topics of the answer's points, and none rather than a bad one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rag.answer import Answer, AnswerSentence, KeyPoint, Said
from rag.topics.definition import Definition
from rag.topics.following import next_questions

TOPICS = (
    Definition("acting", "the acting", ("acting", "actors")),
    Definition("ending", "the ending", ("ending", "final scene")),
    Definition("music", "the music", ("music",)),
    Definition("Gi-hun", "Gi-hun", ("gi-hun",)),
    Definition("violence", "the violence", ("violence", "blood")),
)


def point(statement: str, *quotes: str) -> KeyPoint:
    said = tuple(Said(f"r{n}", 0, len(quote), quote) for n, quote in enumerate(quotes))
    return KeyPoint(statement, True, "praise", len(said), 9, 1, 3, False, said)


def answer(question: str, *points: KeyPoint, **fields: Any) -> Answer:
    sentences = tuple(AnswerSentence(p.statement, True, 1.0, points=(p,)) for p in points)
    made = Answer(question, sentences, False, "none", "a test", (), plan={"limits": []})
    return replace(made, **fields)


def test_the_topic_of_most_points_comes_first_and_the_questions_own_is_left_out() -> None:
    shown = answer(
        "How is the music?",
        point("The music carries the ending."),
        point("Loud music, no acting.", "The acting is lost in it."),
        point("The ending needs no music."),
    )
    assert next_questions(shown, TOPICS) == [
        "What do reviewers say about the ending?",
        "What do reviewers say about the acting?",
    ]
    assert next_questions(shown, TOPICS, ["And the final scene?"]) == [
        "What do reviewers say about the acting?"
    ]


def test_a_topic_that_only_one_reviewer_of_a_point_mentions_is_no_question() -> None:
    quotes = ("Great, Gi-hun.", "Great actors.", "Great acting.", "Great.")
    shown = answer("What do they like?", point("Great.", *quotes))
    assert next_questions(shown, TOPICS) == ["What do reviewers say about the acting?"]


def test_nothing_is_asked_where_nothing_leads_on() -> None:
    assert next_questions(answer("Why?", point("I liked it.")), TOPICS) == []
    assert next_questions(answer("What is the average rating?"), TOPICS) == []
    assert next_questions(answer("Why?", point("The acting.")), ()) == []


def test_after_a_refusal_reviewers_are_asked_for_what_they_speak_of_most() -> None:
    refused = answer("How was the acting of the dog?", refused=True)
    assert next_questions(refused, TOPICS) == [
        f"What do reviewers say about {called}?" for called in ("the ending", "the music", "Gi-hun")
    ]


def test_an_item_stays_and_between_two_none_is_chosen() -> None:
    fox, hen = ({"key": f"item:{name}", "label": name, "kind": "item"} for name in ("Fox", "Hen"))
    shown = answer("How is Fox?", point("The ending is good."), plan={"limits": [fox]})
    assert next_questions(shown, TOPICS) == ["What do reviewers say about the ending of Fox?"]
    assert next_questions(replace(shown, plan={"limits": [fox, hen]}), TOPICS) == []
