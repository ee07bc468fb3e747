"""From file to answer where there is little to go by: Polish reviews, and a single review."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import rag
from rag.index import verify_index
from ui.cli.main import cli

POLISH = [
    ("Zdjęcia są piękne, a muzyka Łukasza Żala zostaje w głowie na długo.", 9),
    ("Nudny film. Zasnąłem po dwudziestu minutach i nie żałuję.", 2),
    ("Świetna gra aktorska, choć scenariusz ma dziury wielkości kopalni.", 7),
    ("Dialogi brzmią sztucznie, a dźwięk jest tak zły, że nic nie słychać.", 3),
    ("Najlepszy polski film tego roku, obejrzałem go dwa razy.", 10),
    ("Za długi o pół godziny, ale zakończenie wynagradza czekanie.", 6),
]
ONE = {
    "text": "The room was clean, but breakfast was cold. Kind staff.",
    "rating": 3,
    "date": "2024-05-01",
    "item": "Hotel Lark",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> rag.Settings:
    folder = tmp_path_factory.mktemp("few")
    return rag.load_settings(
        environ={}, overrides={"paths.indexes_dir": folder, "generator.name": "extractive"}
    )


@pytest.fixture(scope="module")
def polish(settings: rag.Settings, tmp_path_factory: pytest.TempPathFactory) -> rag.Index:
    file = tmp_path_factory.mktemp("files") / "recenzje.csv"
    lines = [f'"{text}";{mark}/10;2023-0{mark % 9 + 1}-01' for text, mark in POLISH]
    file.write_text("\n".join(["recenzja;ocena;data", *lines]), encoding="utf-8")
    return rag.build(file, name="filmy", settings=settings)


@pytest.fixture(scope="module")
def one(settings: rag.Settings) -> rag.Index:
    return rag.build([ONE], name="one", settings=settings)


@pytest.mark.parametrize(
    ("question", "foreign"),
    [
        ("Czy zdjęcia są ładne?", True),
        ("Co widzowie krytykują w tym filmie?", True),
        ("Ile kosztuje bilet do kina?", True),
        ("Jaki jest dźwięk?", True),
        ("Podsumuj recenzje", True),
        ("What do people praise about the acting?", False),
        ("Is the film boring?", False),
        ("What did viewers dislike?", False),
        ("Who directed it?", False),
        ("What did they say in 2019?", False),
    ],
)
def test_questions_over_polish_reviews(polish: rag.Index, question: str, foreign: bool) -> None:
    answer = polish.ask(question)
    assert any("language (pl)" in note for note in answer.notes) is foreign
    assert not answer.plan["items"] and not answer.plan["unknown_item"]
    assert answer.plan["conditions"] == ("date = 2019" if "2019" in question else "")
    assert answer.refused or all(
        s.citations for s in answer.sentences if not (s.heading or s.counted)
    )


def test_polish_reviews_are_read_and_counted(polish: rag.Index) -> None:
    assert polish.snapshot.manifest.stemmer == "polish"
    assert verify_index(polish.snapshot.generation.parent) == []
    answer = polish.ask("What is the average rating?")
    assert answer.sentences[0].text == "6.2 of 10 on average."
    refused = polish.ask("What did they say in 2019?")
    assert refused.refused
    assert refused.text == "No review is from 2019. The reviews are from 2023-01-01 to 2023-08-01."


def test_a_time_asked_of_reviews_without_dates_is_refused_with_the_reason(
    settings: rag.Settings,
) -> None:
    undated = rag.build([{"text": text} for text, _ in POLISH], name="undated", settings=settings)
    refused = undated.ask("What did they say in 2019?")
    assert refused.text == "No review is from 2019. The reviews have no dates."


@pytest.mark.parametrize(
    ("question", "refused"),
    [
        ("Was the room clean?", False),
        ("Summarise the reviews", False),
        ("How much is the parking?", True),
        ("What did guests say in 2019?", True),
        ("What is the average rating?", False),
        ("How many reviews mention breakfast?", None),
        ("What changed lately?", None),
        ("Which is better, the room or the breakfast?", None),
        ("Czy pokój był czysty?", None),
        ("Jakie było śniadanie?", None),
        ("How is the Hilton?", None),
    ],
)
def test_questions_over_one_review(one: rag.Index, question: str, refused: bool | None) -> None:
    answer = one.ask(question)
    assert refused is None or answer.refused is refused
    assert answer.text and "1 passages" not in " ".join(answer.notes)
    assert answer.plan["unknown_item"] == ""


def test_one_review_is_not_spoken_of_as_many(one: rag.Index) -> None:
    assert one.ask("What is the average rating?").text.endswith("1 review. It is of 2024-05-01.")
    refused = one.ask("What did guests say in 2019?").text
    assert refused == "No review is from 2019. The reviews are from 2024-05-01."
    answer = one.ask("Was the room clean?")
    assert answer.headline == "It seems yes: 1 review says yes." and not answer.notes
    assert answer.points[0].how_many == "1 of 1 review"


@pytest.mark.parametrize("name", ["filmy", "one"])
def test_the_command_explains_how_it_understood(
    polish: rag.Index, one: rag.Index, settings: rag.Settings, name: str
) -> None:
    options = ["--indexes-dir", str(settings.paths.indexes_dir)]
    for question in ("Czy zdjęcia są ładne?", "Is it any good?"):
        ran = CliRunner().invoke(
            cli,
            [*options, "ask", question, "--index", name, "--generator", "extractive", "--explain"],
        )
        assert ran.exit_code == 0 and ran.exception is None, ran.output
        assert "intent" in ran.output.casefold()
    assert json.dumps(one.plan("Is it any good?").as_dict())
