"""A question understood: names, times and ratings, intent and side, from a plain catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.embedding import SentenceTransformerEmbedder, Vectors
from rag.schema import Review
from rag.understanding.aspect import distinguishing, proper_names
from rag.understanding.catalogue import Catalogue, catalogue_of
from rag.understanding.classifier import classifier_for, rule_intent, training_questions
from rag.understanding.names import NameFinder, is_code, item_name
from rag.understanding.period import limits_of
from rag.understanding.plan import QuestionPlan, understand
from rag.understanding.side import asked_side
from rag.understanding.spelling import spelt
from tests.fakes import FakeEmbedder

HOTELS = ("Fox and Crown", "Hotel Bluebell", "Maison du Lac")
AIRLINES = ("british-airways", "united-airlines", "qantas-airways", "emirates", "air-canada")


def reviews_of(items: Sequence[str], *texts: str) -> list[Review]:
    return [
        Review(
            f"{item}-{n}",
            text,
            item=item,
            date=f"20{20 + n % 4}-03-01",
            rating=n % 5 + 1.0,
            rating_min=1,
            rating_max=5,
        )
        for item in items
        for n, text in enumerate(texts * 3)
    ]


@pytest.fixture(scope="module")
def hotels() -> Catalogue:
    return catalogue_of(
        "my-hotels",
        reviews_of(HOTELS, "The pool was warm and the staff united.", "We loved the garden."),
    )


@pytest.fixture(scope="module")
def airlines() -> Catalogue:
    return catalogue_of(
        "lounges", reviews_of(AIRLINES, "Good food, but crowded.", "Clean showers.")
    )


@pytest.mark.parametrize(
    ("question", "items"),
    [
        ("Is the Fox and Crown quiet at night?", ["Fox and Crown"]),
        ("is the fox and crown quiet?", ["Fox and Crown"]),
        ("How is Bluebell's pool?", ["Hotel Bluebell"]),
        ("How is the pool at Hotel Bluebel?", ["Hotel Bluebell"]),
        ("how is maison du lac", ["Maison du Lac"]),
        (
            "Which is quieter, the Fox and Crown or Hotel Bluebell?",
            ["Fox and Crown", "Hotel Bluebell"],
        ),
        ("How is the pool?", []),
        ("Did they see a fox in the garden?", []),
    ],
)
def test_items_are_recognised(hotels: Catalogue, question: str, items: list[str]) -> None:
    mentions = NameFinder(hotels).find(question).items
    assert [item for mention in mentions for item in mention.items] == items


@pytest.mark.parametrize(
    ("question", "item"),
    [
        ("What do people think of the staff in the United lounges?", "united-airlines"),
        ("staff in united lounges", "united-airlines"),
        ("how is the food at BA?", "british-airways"),
        ("Are the Qantes lounges nice?", "qantas-airways"),
        ("And at Emirates?", "emirates"),
    ],
)
def test_short_misspelt_and_initials(airlines: Catalogue, question: str, item: str) -> None:
    (mention,) = NameFinder(airlines).find(question).items
    assert mention.items == (item,) and mention.name == item_name(item)


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("How is the pool of the Hilton?", "Hilton"),
        ("What is breakfast like at Grand Budapest?", "Grand Budapest"),
        ("Is it better than the Hilton?", ""),  # only compared with
        ("How is the pool?", ""),
    ],
)
def test_an_item_that_nobody_reviewed(hotels: Catalogue, question: str, unknown: str) -> None:
    assert NameFinder(hotels).find(question).unknown == unknown


def test_items_that_are_numbers_make_no_name_unknown() -> None:
    catalogue = catalogue_of("films", reviews_of(["101", "102", "103"], "Slow.", "A fine film."))
    assert NameFinder(catalogue).find("Is the film at Cannes any good?").unknown == ""


def test_items_that_are_codes_make_a_name_unknown_only_if_no_review_has_it() -> None:
    reviews = reviews_of(["tt0107206", "tt0116477", "tt0064665"], "Slow.", "A fine film.")
    reviews += [Review(f"s{n}", "Sue was a great host.", item="tt0116477") for n in range(8)]
    reviews += [Review(f"m{n}", "Mona Ferri shines.", item="tt0064665") for n in range(2)]
    catalogue = catalogue_of("films", reviews)
    assert catalogue.aliases["sue"] == ("tt0116477",)
    finder = NameFinder(catalogue)
    (mention,) = finder.find("Was Sue a great host?").items
    assert (mention.items, mention.name) == (("tt0116477",), "Sue")
    assert finder.find("What do they think of Mona Ferri?").unknown == ""
    assert finder.find("What do they think of Karl Odd?").unknown == "Karl Odd"
    assert item_name("tt0116477") == "tt0116477" and not is_code("hotel-7") and not is_code("ps5")


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What do people say about Mona Ferri?", ["Mona Ferri"]),
        ("Mona Ferri, is she good in it?", []),  # the first word always has a capital
        ("WHAT DO THEY SAY ABOUT MONA FERRI?", []),
        ("What Do People Say About The Acting?", []),
        ("is the Front Man or Karl Odd better?", ["Front Man", "Karl Odd"]),
    ],
)
def test_names_of_several_words(question: str, names: list[str]) -> None:
    assert proper_names(question) == names


def test_a_hosts_name_is_learnt_as_its_items_name() -> None:
    reviews = reviews_of(["101", "102", "103"], "Lovely flat.", "Quiet street.")
    reviews += [Review(f"s{n}", "Sue was a great host.", item="102") for n in range(8)]
    catalogue = catalogue_of("flats", reviews)
    assert catalogue.aliases["sue"] == ("102",)
    (mention,) = NameFinder(catalogue).find("Can I bring my dog to Sue's?").items
    assert (mention.items, mention.name) == (("102",), "Sue")


def test_a_corpus_of_one_item_has_a_subject_and_no_items() -> None:
    reviews = [Review(str(n), "I watched Squid Game twice.", item="Squid Game") for n in range(9)]
    catalogue = catalogue_of("squid-game", reviews)
    names = NameFinder(catalogue).find("How good are the actors in Squid Game?")
    assert not names.items and not names.unknown and "squid game" in catalogue.subjects
    assert catalogue_of("x", [], about="The Film").subjects == ("the film", "x")


def test_names_of_several_words_are_found_in_any_alphabet() -> None:
    reviews = [Review(str(n), f"Ten {n}. film, czyli Łowcy Świtu, mnie porwał.") for n in range(9)]
    assert catalogue_of("x", reviews).subjects == ("łowcy świtu", "x")


@pytest.mark.parametrize(
    "question",
    [
        "Czy zdjęcia są ładne?",
        "Co widzowie krytykują w tych filmach?",
        "Kto gra główną rolę i w czym?",
        "Jaka jest średnia ocena w 2021 roku?",
        "Do kogo jest ten film?",
        "Podsumuj recenzje",
    ],
)
def test_no_english_rule_takes_a_polish_word_for_its_own(hotels: Catalogue, question: str) -> None:
    names = NameFinder(hotels).find(question)
    assert not names.items and not names.unknown and not names.subjects
    assert limits_of(question, hotels.dates, hotels.scale) == ()
    assert asked_side(question) == "neutral"


@pytest.mark.parametrize(
    ("question", "items"),
    [
        ("Czy basen w Hotelu Bluebell był ciepły?", ["Hotel Bluebell"]),
        ("Jak jest w Bluebellu?", ["Hotel Bluebell"]),
    ],
)
def test_an_items_name_is_found_in_a_polish_question(
    hotels: Catalogue, question: str, items: list[str]
) -> None:
    mentions = NameFinder(hotels).find(question).items
    assert [item for mention in mentions for item in mention.items] == items


@pytest.mark.parametrize(
    ("question", "where"),
    [
        ("How was it in 2021?", "date = 2021"),
        ("Since the renovation in March 2023, is it better?", "date >= 2023-03"),
        ("What was said between 2019 and 2021?", "date >= 2019 and date <= 2021"),
        ("What changed lately?", "date >= 2023-05-02"),
        ("How is the service in the last 3 months?", "date >= 2024-02-01"),
        ("What do one-star reviews say?", "rating = 1"),
        ("What do people with two or three stars say?", "rating >= 2 and rating <= 3"),
        ("What do low-rated reviews complain about?", "rating <= 40%"),
        ("Who plays number 456 in season 2?", ""),
        ("Is it a five minute walk?", ""),
        ("Czy ten Star Wars jest dobry?", ""),  # "ten" is Polish for "this"
        ("Are the ten Star Trek films any good?", ""),
        ("Co widzowie mówią do roku 2021 o ten film by Wajda?", ""),
    ],
)
def test_times_and_ratings(question: str, where: str) -> None:
    from rag.filters import where_text

    limits = limits_of(question, ("2010-01-01", "2024-05-01"), (1, 5))
    assert where_text([condition for limit in limits for condition in limit.conditions]) == where
    assert all(limit.words in question for limit in limits)


def test_stars_are_read_on_the_scale_there_is() -> None:
    (limit,) = limits_of("What do one-star reviews say?", None, (1, 10))
    assert [(c.operator, c.values) for c in limit.conditions] == [(">=", ("1",)), ("<=", ("2",))]
    (limit,) = limits_of("What do 8-star reviews say?", None, (1, 10))
    assert [(c.operator, c.values) for c in limit.conditions] == [("=", ("8",))]


@given(st.text(max_size=80))
def test_any_text_is_understood(question: str) -> None:
    catalogue = catalogue_of("hotels", reviews_of(HOTELS, "The pool was warm."))
    names = NameFinder(catalogue).find(question)
    for mention in names.items:
        assert 0 <= mention.start < mention.end <= len(question)
    limits_of(question, catalogue.dates, catalogue.scale)
    assert asked_side(question) in ("praise", "criticism", "neutral")


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


def plan(
    question: str, catalogue: Catalogue, embedder: SentenceTransformerEmbedder
) -> QuestionPlan:
    finder = NameFinder(catalogue)
    return understand(question, finder, catalogue, embedder.embed_queries, embedder.identity)


def test_names_and_times_become_conditions_and_are_not_searched_for(
    hotels: Catalogue, embedder: SentenceTransformerEmbedder
) -> None:
    made = plan("How was the breakfast at the Fox and Crown in 2021?", hotels, embedder)
    assert (made.query, made.aspect) == ("How was the breakfast?", "breakfast")
    assert made.as_dict()["conditions"] == 'date = 2021 and item = "Fox and Crown"'
    assert made.intent == "opinion" and made.side == "neutral" and made.vectors.shape == (2, 384)
    assert made.parts == (made,)


def test_who_is_named_and_is_no_item_is_not_all_of_it(
    embedder: SentenceTransformerEmbedder,
) -> None:
    reviews = reviews_of(["Brook", "Harbour", "Signal"], *["A slow film.", "A fine film."] * 12)
    reviews += [Review(f"m{n}", "Mona Ferri shines.", item="Brook") for n in range(2)]
    films = catalogue_of("films", reviews)
    assert plan("How good is Mona Ferri?", films, embedder).intent == "opinion"
    assert plan("What do people think of the films?", films, embedder).intent == "overview"
    summary = plan("Summarize and explain the Slow Film", films, embedder)
    assert summary.intent == "overview"


def test_two_items_are_two_parts(hotels: Catalogue, embedder: SentenceTransformerEmbedder) -> None:
    made = plan("Which is quieter, the Fox and Crown or Hotel Bluebell?", hotels, embedder)
    assert made.intent == "comparison" and made.aspect == "quieter" and not made.conditions
    assert [part.as_dict()["conditions"] for part in made.parts] == [
        'item = "Fox and Crown"',
        'item = "Hotel Bluebell"',
    ]


@pytest.mark.parametrize(
    ("question", "intent", "side"),
    [
        ("What do guests complain about at the Fox and Crown?", "overview", "criticism"),
        ("pros and cons of Hotel Bluebell?", "overview", "neutral"),
        ("Is Maison du Lac quiet at night?", "yes_no", "neutral"),
        ("What is the average rating of the Fox and Crown?", "statistic", "neutral"),
        ("How many guests mention the pool?", "count", "neutral"),
        ("Why do people come back?", "why", "praise"),
    ],
)
def test_intent_and_side(
    hotels: Catalogue,
    embedder: SentenceTransformerEmbedder,
    question: str,
    intent: str,
    side: str,
) -> None:
    made = plan(question, hotels, embedder)
    assert (made.intent, made.side) == (intent, side)


def test_a_question_is_embedded_once(hotels: Catalogue) -> None:
    class Counting(FakeEmbedder):
        calls = 0

        def embed_queries(self, texts: Sequence[str]) -> Vectors:
            if len(texts) < 10:  # more are the training questions, once for an embedder
                self.calls += 1
            return super().embed_queries(texts)

    embedder = Counting()
    finder = NameFinder(hotels)
    understand("How is the pool?", finder, hotels, embedder.embed_queries, embedder.identity)
    assert embedder.calls == 1


def test_the_stored_weights_tell_the_training_questions(
    embedder: SentenceTransformerEmbedder,
) -> None:
    classifier = classifier_for(embedder.identity, embedder.embed_queries)
    questions, intents = training_questions("intent")
    chosen = list(range(0, len(questions), 9))
    vectors = embedder.embed_queries([questions[row] for row in chosen])
    right = [
        classifier.intent(questions[row], vector) == intents[row]
        for row, vector in zip(chosen, vectors, strict=True)
    ]
    assert np.mean(right) > 0.85


def test_every_training_question_is_once_there() -> None:
    for kind in ("intent", "side"):
        questions, labels = training_questions(kind)
        assert len({question.casefold() for question in questions}) == len(questions) > 400
        assert min(labels.count(label) for label in set(labels)) >= 80


def test_a_rule_needs_no_vector() -> None:
    assert rule_intent("What's the average rating?") == "statistic"
    assert rule_intent("How many reviewers mention the noise?") == "count"
    assert rule_intent("How is it?") is None


def test_a_word_that_most_reviews_have_is_not_searched_for() -> None:
    catalogue = Catalogue("lounges", 100, words={"lounge": 90, "food": 30, "staff": 40})
    assert distinguishing("food lounges", catalogue) == "food"
    assert distinguishing("lounge", catalogue) == "lounge"
    assert distinguishing("staff food", catalogue) == "staff food"
    common = Catalogue("lounges", 100, words={"lounge": 90, "food": 60, "dubai": 9, "good": 70})
    assert distinguishing("food good Dubai", common) == "food Dubai"
    assert distinguishing("lounges good Dubai", common) == "Dubai"
    assert distinguishing("lounges spa", Catalogue("few", 5, words={"lounge": 5})) == "lounges spa"


@pytest.mark.parametrize(
    "question",
    ["Is the Fox and Crown worth it?", "Which is better, the Fox and Crown or Hotel Bluebell?"],
)
def test_of_an_item_that_is_only_judged_all_is_told(
    hotels: Catalogue, embedder: SentenceTransformerEmbedder, question: str
) -> None:
    made = plan(question, hotels, embedder)
    assert made.is_overview and "Fox and Crown" in {item.name for item in made.items}
    of_an_aspect = "Is the breakfast at the Fox and Crown worth it?"
    assert not plan(of_an_aspect, hotels, embedder).is_overview


def test_what_all_are_is_cut_with_a_name(embedder: SentenceTransformerEmbedder) -> None:
    texts = ("The lounge was good.", "A clean lounge with free Wi-Fi.", "Rude staff.")
    lounges = catalogue_of("places", reviews_of(AIRLINES, *texts))
    assert plan("Is the Wi-Fi free in the Emirates lounges?", lounges, embedder).query == (
        "Is the Wi-Fi free?"
    )


def test_of_two_items_with_a_word_of_a_name_the_fuller_is_meant() -> None:
    inns = ("Castle Inn", "Castle Street Rooms", "Hotel Bluebell")
    finder = NameFinder(catalogue_of("inns", reviews_of(inns, "We liked the Castle Inn.")))
    (mention,) = finder.find("What do people say about the Castle Inn?").items
    assert mention.items == ("Castle Inn",)


def test_a_name_goes_on_after_a_small_word() -> None:
    inns = ("Crown Inn Old Harbour", "Crown Inn Market Square", "Hotel Bluebell")
    finder = NameFinder(catalogue_of("inns", reviews_of(inns, "A good bed.")))
    (mention,) = finder.find("Is breakfast free at the Crown Inn by Old Harbour?").items
    assert mention.items == ("Crown Inn Old Harbour",)


def test_a_person_is_no_subject() -> None:
    texts = [f"Night {n}: Ann Lee plays well, and Lee sings." for n in range(9)]
    texts += [f"Night {n}: Lee is funny. Grey Harbour is slow." for n in range(9)]
    named = catalogue_of("", [Review(str(n), text) for n, text in enumerate(texts)])
    assert "ann lee" not in named.subjects and "grey harbour" in named.subjects


@pytest.mark.parametrize(
    ("question", "intent", "overview"),
    [
        ("How do people feel about the garden and the pool?", "opinion", False),
        ("And the garden?", "opinion", False),
        ("Has it got better since 2021?", "change", True),
        ("Why do guests not come back?", "why", True),
        ("Why don't people like the garden?", "why", False),
        ("How many pools are there?", "fact", False),
        ("How many players say they asked for a refund?", "count", False),
    ],
)
def test_what_is_asked_of_something_and_what_of_all(
    hotels: Catalogue,
    embedder: SentenceTransformerEmbedder,
    question: str,
    intent: str,
    overview: bool,
) -> None:
    made = plan(question, hotels, embedder)
    assert (made.intent, made.is_overview) == (intent, overview)


@pytest.mark.parametrize(
    ("question", "side"),
    [
        ("Why don't some viewers want a second season?", "criticism"),
        ("What's parking like at these hotels?", "neutral"),
        ("What is there to like about it?", "praise"),
    ],
)
def test_the_side_that_is_asked_for(question: str, side: str) -> None:
    assert asked_side(question) == side


def test_a_form_of_an_english_word_is_no_slip() -> None:
    catalogue = Catalogue("few", 50, words={"taking": 20, "tape": 0})
    assert spelt("What does a ticket for the live taping cost?", catalogue).count("taping") == 1


@pytest.mark.parametrize(
    ("question", "intent", "side"),
    [
        ("is the packaging ok or does it come broken", "yes_no", "neutral"),
        ("does the gel polish really last 14 days", "yes_no", "neutral"),
        ("how many people complain that its watery / like water", "count", "criticism"),
        ("How loud is the fan? Thanks", "opinion", "neutral"),
        ("Why do people go there?", "why", "praise"),
    ],
)
def test_what_people_type_is_understood(
    embedder: SentenceTransformerEmbedder, question: str, intent: str, side: str
) -> None:
    words = {"packaging": 9, "polish": 9, "watery": 4, "fan": 9, "broken": 4}
    understood = plan(question, Catalogue("things", 1000, words=words), embedder)
    assert (understood.intent, understood.side) == (intent, side)


def test_of_several_sentences_those_that_ask_are_asked(
    embedder: SentenceTransformerEmbedder,
) -> None:
    words = {"dog": 9, "pets": 9, "allowed": 9, "small": 20, "friendly": 9}
    said = "I have a small friendly dog. Are pets allowed? Thanks."
    understood = plan(said, Catalogue("things", 1000, words=words), embedder)
    assert (understood.question, understood.query) == (said, "Are pets allowed?")
    assert understood.aspect == "pets allowed"


def test_a_name_outside_the_sentence_that_asks_still_limits(
    hotels: Catalogue, embedder: SentenceTransformerEmbedder
) -> None:
    understood = plan("We go to the Hotel Bluebell. Is the pool warm?", hotels, embedder)
    assert [mention.name for mention in understood.items] == ["Hotel Bluebell"]
    assert understood.query == "Is the pool warm?"


def test_why_people_come_although_is_asked_of_all(embedder: SentenceTransformerEmbedder) -> None:
    catalogue = Catalogue("things", 100, words={"food": 30, "ok": 9})
    understood = plan("why do people go there if the food is only ok?", catalogue, embedder)
    assert (understood.aspect, understood.side) == ("", "praise")


def test_the_best_of_a_common_thing_is_about_that_thing() -> None:
    common = Catalogue("lounges", 100, words={"lounge": 90, "food": 60, "best": 20})
    assert distinguishing("best food", common) == "food"
