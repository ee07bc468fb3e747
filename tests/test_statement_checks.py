"""What is asked of a statement before a reader judges it: what is added, moved or dropped is found."""

from __future__ import annotations

import pytest

from rag.answering.statement_checks import (
    adds_nothing,
    is_sentence,
    keeps_clauses,
    keeps_degree,
    keeps_phrases,
    keeps_subject,
    keeps_turns,
    may_be_used,
)


def test_a_statement_that_says_a_thing_twice_is_not_used() -> None:
    assert is_sentence("The ending is thrilling and the acting good.")
    assert not is_sentence("The ending is thrilling and thrilling.")
    assert not is_sentence("Good acting is good.")


def test_the_words_that_ask_for_points_are_no_part_of_one() -> None:
    question, shown = "What are the positive aspects?", "Fun to watch."
    assert not adds_nothing("The positive aspects are fun.", question, shown)
    assert adds_nothing("It is fun to watch.", question, shown)
    assert adds_nothing("It is positive.", question, "All in all a positive stay.")


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        ("The bar is loud at night.", True),  # the quotation's words and the question's
        ("The bars are loud.", True),
        ("The bar is noisy.", False),  # in neither
        ("The bar is very loud.", False),
        ("The bar is really loud.", False),
        ("The bar is always loud.", False),
        ("All the bars are loud.", False),
        ("My bar is loud.", False),
    ],
)
def test_nothing_is_added_to_the_quotation(statement: str, holds: bool) -> None:
    assert adds_nothing(statement, "Is the bar all right at night?", "Loud bar!") is holds


def test_a_quotations_own_emphasis_may_stand() -> None:
    assert adds_nothing("The bar is really loud.", "How is the bar?", "Bar was REALLY loud.")


@pytest.mark.parametrize(
    ("statement", "shown", "holds"),
    [
        ("The bar isn't loud.", "It was not a loud bar.", True),
        ("The game rewards you.", "The game doesnt reward you.", False),
        ("The bar is not loud.", "The bar was loud.", False),
        ("The map is great but too late.", "The map is great, but it's too late.", True),
        ("The map is great.", "The map is great, but it's too late.", False),
        ("The map is great but late.", "The map is great and late.", False),
    ],
)
def test_a_negation_and_a_but_are_kept(statement: str, shown: str, holds: bool) -> None:
    assert keeps_turns(statement, shown) is holds


@pytest.mark.parametrize(
    ("statement", "shown", "holds"),
    [
        ("The seats are comfortable.", "Comfortable seats.", True),
        ("The hotel seats are comfortable.", "Comfortable seats.", False),
        ("Magazines are good.", "Good selection of magazines.", False),
        ("The selection of magazines is good.", "Good selection of magazines.", True),
        ("Food is poor.", "Good selection of papers and poor choice of food.", False),
        ("The staff were rude.", "Some of the staff were rude.", False),
        ("The seating is comfy.", "In terms of comfort the seating was comfy.", True),
        ("Seats comfortable in the lounge.", "Comfortable seats.", False),  # no verb: all of it
        ("It is comfortable.", "Comfortable seats.", True),
    ],
)
def test_the_subject_is_the_quotations(statement: str, shown: str, holds: bool) -> None:
    assert keeps_subject(statement, shown) is holds


@pytest.mark.parametrize(
    ("statement", "shown", "holds"),
    [
        (
            "The scene is dull and the ending sad.",
            "The scene was dull and the ending was sad.",
            True,
        ),
        (
            "The ending is dull and the scene sad.",
            "The scene was dull and the ending was sad.",
            False,
        ),
        ("The room is warm and soft.", "The room was warm and its chairs were soft.", False),
        ("The room is warm and soft.", "The room, warm and soft, was mine.", True),
        ("The game is too large.", "Game plays like garbage, maps are too large.", False),
        ("Breakfast is crowded.", "Rather crowded but good at breakfast.", False),
        ("The maps are good and have potential.", "Has potential, the maps were good.", False),
        ("The maps are good.", "Has potential. The maps were good.", True),
        ("The lobby is big and clean.", "Big, clean and airy lobby.", True),
        ("The food and drink selection is good.", "Good food and drink selection.", True),
        (
            "The lounge in Dubai is good.",
            "Good lounge, it was clean.",
            True,
        ),  # Dubai: the question's
    ],
)
def test_what_is_said_stands_in_one_clause(statement: str, shown: str, holds: bool) -> None:
    assert keeps_clauses(statement, shown) is holds


def test_a_statement_is_used_that_passes_all() -> None:
    question, shown = "How is the food?", "The food itself was barely okay."
    assert may_be_used("The food is barely okay.", question, shown)
    assert not may_be_used("The food is very okay.", question, shown)
    assert not may_be_used("Is the food okay?", question, shown)


@pytest.mark.parametrize(
    ("statement", "shown", "holds"),
    [
        ("The sound is pleased.", "Pleased with the sound.", False),
        ("The sound is good.", "Pleased with the sound, the sound is good.", True),
        ("The view of the sea is good.", "The view of the sea was good.", True),
        ("The bath with candles is good.", "Bath with candles good.", True),
    ],
)
def test_what_a_preposition_leads_to_is_no_subject(statement: str, shown: str, holds: bool) -> None:
    assert keeps_subject(statement, shown) is holds


@pytest.mark.parametrize(
    ("statement", "shown", "holds"),
    [
        ("Ann’s host is kind.", "Ann’s a kind host!", False),
        ("Ann's host is kind.", "Ann's host was kind.", True),
        ("The soup is poor choice.", "The soup came with very poor choice.", False),
        ("The soup is first rate.", "Soups are first rate.", True),
        ("The soup is really hot.", "Really hot soup.", True),
    ],
)
def test_a_thing_does_not_become_what_it_has(statement: str, shown: str, holds: bool) -> None:
    assert keeps_phrases(statement, shown) is holds


def test_nobody_is_put_in_for_those_who_say_it() -> None:
    assert not adds_nothing("Guests are left alone.", "What do guests say?", "I was left alone.")
    assert adds_nothing("Guests are left alone.", "How is it?", "Guests were left alone.")


@pytest.mark.parametrize(
    ("statement", "shown", "holds"),
    [
        ("The soup is very sweet.", "The soup is sweet and very hot.", False),
        ("The soup is very hot.", "The soup is sweet and very hot.", True),
        ("The soup is hot.", "The soup is fairly hot.", False),
        ("The soup is fairly hot.", "The soup is fairly hot.", True),
        ("The street is a little loud.", "The street can be a little loud.", False),
        ("The soup is hot.", "Soup hot, but the bread was rather hard.", True),  # of the bread
    ],
)
def test_degrees_stay_where_they_are(statement: str, shown: str, holds: bool) -> None:
    assert keeps_degree(statement, shown) is holds


@pytest.mark.parametrize(
    ("statement", "shown", "holds"),
    [
        ("The service is good.", "Rooms are clean and room service is good.", False),
        ("The room service is good.", "Rooms are clean and room service is good.", True),
        ("The service is good.", "Good service.", True),
        ("The service is slow.", "Slow service, room service too.", True),
    ],
)
def test_what_a_noun_makes_another_thing(statement: str, shown: str, holds: bool) -> None:
    assert keeps_subject(statement, shown) is holds
