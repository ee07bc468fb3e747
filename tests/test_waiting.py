"""Who has to wait for an answer is told the place in the line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from ui.components.waiting import Line, line_for
from ui.render.answers import progress_html

PATIENCE_S = 20


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread brings about."""
    ticking = threading.Event()
    for _ in range(PATIENCE_S * 100):
        if true():
            return
        ticking.wait(0.01)
    raise AssertionError("it did not come about")


def nobody(before: int) -> None:
    raise AssertionError(f"told that {before} ask before")


class Asker(threading.Thread):
    """Asks in a line; `told` are the places, `answering` and `done` say how far it has come."""

    def __init__(self, line: Line, order: list[str], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.line, self.order = line, order
        self.told: list[int] = []
        self.done = threading.Event()

    def run(self) -> None:
        with self.line.turn(self.told.append):
            self.order.append(self.name)
            self.done.wait(PATIENCE_S)


def has_come(asker: Asker, place: int) -> bool:
    """Whether an asker was told this place, or has its turn, 0."""
    return place in asker.told if place else asker.name in asker.order


def test_askers_get_their_turn_in_order_and_hear_their_place() -> None:
    line, order = Line(at_once=1), list[str]()
    askers = [Asker(line, order, name) for name in "abc"]
    for place, asker in enumerate(askers):
        asker.start()
        until(partial(has_come, asker, place))
    first, second, third = askers
    first.done.set()
    until(lambda: 1 in third.told and len(order) == 2)
    second.done.set()
    until(lambda: len(order) == 3)
    third.done.set()
    assert order == ["a", "b", "c"]
    assert [list(dict.fromkeys(asker.told)) for asker in askers] == [[], [1], [2, 1]]


def test_where_there_is_room_for_two_the_third_waits() -> None:
    line, order = Line(at_once=2), list[str]()
    askers = [Asker(line, order, name) for name in "abc"]
    for asker, place in zip(askers, (0, 0, 1), strict=True):
        asker.start()
        until(partial(has_come, asker, place))
    assert order == ["a", "b"] and set(askers[2].told) == {1}
    askers[1].done.set()  # whoever is done first makes room
    until(lambda: order == ["a", "b", "c"])
    for asker in askers:
        asker.done.set()
        asker.join(PATIENCE_S)


def test_who_leaves_while_waiting_or_fails_while_asking_gives_up_the_place() -> None:
    line = Line(at_once=1)

    def leave(before: int) -> None:
        raise ConnectionResetError

    with line.turn(nobody), pytest.raises(ConnectionResetError), line.turn(leave):
        raise AssertionError("it was not this one's turn")
    with pytest.raises(ValueError, match="broken"), line.turn(nobody):
        raise ValueError("broken")
    with line.turn(nobody):
        pass


def test_answers_that_are_computed_here_come_one_at_a_time_and_a_servers_do_not() -> None:
    assert line_for("extractive") is line_for("auto") is not line_for("openai")
    with line_for("openai").turn(nobody), line_for("openai").turn(nobody):
        pass


@pytest.mark.parametrize(
    ("before", "words"), [(0, "Reading the reviews"), (1, "1 asks before you"), (2, "2 ask before")]
)
def test_the_page_says_the_place(before: int, words: str) -> None:
    assert words in progress_html("How is it?", "", before)
