"""The first sentences of an answer, composed in code from what was counted. No number stands in them
that code did not count; with few reviews they say how many of how many, and no percentage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rag.answering.counting import Count, within
from rag.answering.tally import Tally, wilson
from rag.schema import Side

FEW = 8  # reviews that judge, below which nothing is said of shares
COUNTED_EXACTLY = 3  # voices, up to which "about" would be odd
_VERBS: dict[Side, str] = {"praise": "praise", "criticism": "criticise", "neutral": "speak of"}
_CLEARLY = 3  # reviews that bear a fact out, and times those that deny it
_YEAR_SHOWN = 5  # reviews of a year that judge, to compare it


def reviews(number: int) -> str:
    """ "1 review", "1,185 reviews"."""
    return f"{number:,} review{'' if number == 1 else 's'}"


def about(number: int) -> str:
    """A number that a reader counted, not without error."""
    return f"about {number:,}" if number > COUNTED_EXACTLY else f"{number:,}"


def percent(part: int, whole: int) -> str:
    """A share in whole percent."""
    return f"{part / whole:.0%}" if whole else "0%"


def verdict(tally: Tally) -> str:
    """What those who judge make of it, in two or three words; "" where they are few."""
    if tally.judge < FEW:
        return ""
    share = tally.share
    low, high = wilson(round(share * tally.judge), tally.judge)
    if low <= 0.5 <= high:
        return "Opinions are divided"
    word = "praised" if share > 0.5 else "criticised"
    clear = max(share, 1 - share)
    if clear >= 0.9:
        return f"Almost always {word}"
    return f"Mostly {word}" if clear >= 0.6 else f"More often {word} than not"


def of_an_aspect(tally: Tally, side: Side) -> str:
    """How many speak of it, and on which side they are."""
    if side == "neutral":
        opening = verdict(tally)
        spoken = _speak(tally)
        sides = _sides(tally)
        return f"{opening}: {_lower(spoken)}{sides}." if opening else f"{spoken}{sides}."
    number, verb = tally.on(side), _VERBS[side]
    if not number:
        return f"{_speak(tally)}; none of them clearly {verb}s it."
    other: Side = "praise" if side == "criticism" else "criticism"
    more = f", {about(tally.on(other))} {_VERBS[other]} it" if tally.on(other) else ""
    return f"{_speak(tally)}; {about(number)} {verb} it{more}."


def speaking(tally: Tally) -> str:
    """How many speak of it, whatever they say."""
    return f"{_speak(tally)}."


def _speak(tally: Tally) -> str:
    if tally.asked == 1:
        return "There is one review, and it speaks of this"
    if tally.speak == tally.asked:
        return f"All {reviews(tally.asked)} speak of this"
    verb = "speaks" if tally.speak == 1 else "speak"
    return f"Of {reviews(tally.asked)} {about(tally.speak)} {verb} of this"


def _sides(tally: Tally) -> str:
    if tally.asked == 1:
        word = "both ways" if tally.both else "favourably" if tally.praise else "critically"
        return f", {word}" if tally.judge else ", and neither praises nor criticises it clearly"
    if not tally.judge:
        return "; none clearly praises or criticises it"
    praise, criticism = tally.only_praise, tally.only_criticism
    parts = [
        f"{number:,} {words}"
        for number, words in (
            (praise, "favourably"),
            (criticism, "critically"),
            (tally.both, "both ways"),
        )
        if number
    ]
    if criticism > praise:
        parts[:2] = reversed(parts[:2]) if praise else parts[:2]
    return f", {in_a_row(parts)}"


def of_everything(tally: Tally, ratings: Sequence[float], side: Side) -> str:
    """How all the reviews judge: by their ratings (0..1) where there are enough, else by what they
    say.
    """
    total = reviews(tally.asked)
    if len(ratings) >= max(2, tally.asked // 2):
        high = sum(value >= 2 / 3 for value in ratings)
        low = sum(value <= 1 / 3 for value in ratings)
        of = len(ratings)
        if of < FEW:
            parts = ((high, "rated high"), (low, "rated low"), (of - high - low, "in between"))
            return f"{total}: {', '.join(f'{number} {how}' for number, how in parts if number)}."
        shown = (
            f"{percent(low, of)} of {of:,} rated reviews are low"
            if side == "criticism"
            else f"{percent(high, of)} of {of:,} rated reviews are high, {percent(low, of)} low"
        )
        return f"{total}, on the whole {_tone(high, low, of)}: {shown}."
    if tally.asked == 1:
        return _of_one(tally)
    if side != "neutral" and tally.on(side):
        other: Side = "praise" if side == "criticism" else "criticism"
        more = f"; {_doing(tally.on(other), _VERBS[other])}" if tally.on(other) else ""
        doing = f"{_VERBS[side]}{'s' if tally.on(side) == 1 else ''} something"
        return f"{_so_many(tally.on(side), tally.asked)} {doing}{more}."
    opening = verdict(tally)
    said = f"{_doing(tally.praise, 'praise')}, {_doing(tally.criticism, 'criticise')}"
    if tally.asked < FEW or not opening:
        return f"{total}: {said}."
    return f"{opening}: of {total} {said}."


def _so_many(number: int, of: int) -> str:
    """ "About 35 of 56 reviews", "All 41 reviews"."""
    if number == of:
        return f"All {reviews(of)}"
    told = about(number)
    return f"{told[0].upper()}{told[1:]} of {reviews(of)}"


def _of_one(tally: Tally) -> str:
    sides = [
        verb
        for number, verb in ((tally.praise, "praises"), (tally.criticism, "criticises"))
        if number
    ]
    return f"One review; it {' something and '.join(sides)} something." if sides else "One review."


def _doing(number: int, verb: str) -> str:
    return f"{about(number)} {verb}{'s' if number == 1 else ''} something"


def _tone(high: int, low: int, of: int) -> str:
    if high >= 0.75 * of:
        return "very favourable"
    if high >= 1.5 * low:
        return "favourable"
    if low >= 0.75 * of:
        return "very critical"
    return "critical" if low >= 1.5 * high else "divided"


def yes_or_no(tally: Tally, agree: int, differ: int, both: int, *, of_a_view: bool) -> str:
    """The answer to a question that is yes or no, by how many reviews say yes, say no, or say both;
    where one or two tell, and others speak of it, too, only how many speak.
    """
    judge = agree + differ + both
    most, least = max(agree, differ), min(agree, differ)
    if judge < _CLEARLY and not (least or both):
        if not judge or 2 * most < tally.speak:
            return speaking(tally)
        word = "yes" if agree else "no"
        return f"It seems {word}: {reviews(most)} say{'s' if most == 1 else ''} {word}."
    if judge == both:
        return f"{reviews(both)} say{'s' if both == 1 else ''} both."
    more, fewer = ("yes", "no") if agree >= differ else ("no", "yes")
    if most == judge and of_a_view:
        return f"{more.capitalize()}: all {reviews(judge)} that judge it say {more}."
    if most == judge:
        return f"{more.capitalize()}: {about(most)} reviews say {more}."
    telling = "judge it" if of_a_view else "tell"
    counted = f"{most:,} of {reviews(judge)} that {telling} say{'s' if most == 1 else ''} {more}"
    for number, what in ((least, fewer), (both, "both")):
        counted += f", {number:,} {what}" if number else ""
    word = _yes_no_or_neither(agree, differ, judge)
    return f"{word}: {counted}." if word else f"{counted}."


def _yes_no_or_neither(agree: int, differ: int, judge: int) -> str:
    """What so many come to; "" where they are too few to tell."""
    most, least = max(agree, differ), min(agree, differ)
    if judge < FEW:
        clear = most >= _CLEARLY and most >= _CLEARLY * least and 2 * most > judge
        return ("Mostly yes" if agree > differ else "Mostly no") if clear else ""
    low, high = wilson(agree, max(agree + differ, 1))
    if low <= 0.5 <= high:
        return "Opinions are divided"
    share = agree / (agree + differ)
    if share > 0.5:
        return "Yes" if share >= 0.9 else "Mostly yes"
    return "No" if share <= 0.1 else "Mostly no"


def saying_so(counted: Count, asked: int) -> str:
    """How many say what the question holds."""
    if asked < 2 * FEW:
        return f"{counted.number:,} of {reviews(asked)} say so."
    if not counted.number:
        return f"None of {reviews(asked)} was found to say so."
    shares = f"{percent(counted.number, asked)}; between {counted.low:,} and {counted.high:,}"
    return f"{about(counted.number).capitalize()} of {reviews(asked)} say so ({shares})."


def how_many(tally: Tally, side: Side) -> str:
    """How many of all criticise it, praise it or speak of it, as a share where there are enough."""
    number, asked = tally.on(side), tally.asked
    doing = f"{_VERBS[side]} it"
    if asked < 2 * FEW:
        return f"{number:,} of {reviews(asked)} {doing}."
    if not number:
        return f"None of {reviews(asked)} was found to {doing}."
    low, high = within(number, asked)
    shares = f"{percent(number, asked)}; between {low:,} and {high:,}"
    return f"{about(number).capitalize()} of {reviews(asked)} {doing} ({shares})."


def comparison(tallies: Mapping[str, Tally]) -> str:
    """Which of two or more comes off better, by the shares that judge each favourably."""
    judged = {name: tally for name, tally in tallies.items() if tally.judge}
    if len(judged) < 2:
        return ""
    order = sorted(judged, key=lambda name: -judged[name].share)
    shares = [_favourable(name, judged[name]) for name in order]
    best, worst = judged[order[0]], judged[order[-1]]
    if min(best.judge, worst.judge) < FEW:
        return f"Too few reviews judge them to compare: {in_a_row(shares)}."
    _, worst_high = wilson(round(worst.share * worst.judge), worst.judge)
    best_low, _ = wilson(round(best.share * best.judge), best.judge)
    if best_low <= worst_high:
        return f"About the same, by what was counted: {in_a_row(shares)}."
    return f"{order[0]} comes off better: {in_a_row(shares)}."


def _favourable(name: str, tally: Tally) -> str:
    if tally.judge < FEW:
        return f"{name} with {tally.praise:,} favourable and {tally.criticism:,} critical reviews"
    return f"{name} with {tally.share:.0%} favourable of {reviews(tally.judge)} that judge it"


def reason_given(statement: str, number: int) -> str:
    """What most give as the reason, where several do: the answer to "Why do people return it?"."""
    return f"The reason given most: “{statement.rstrip('.!')}” ({about(number)} reviews)."


def over_time(by_year: Mapping[str, tuple[int, int]]) -> str:
    """Whether the last year is more or less favourable than those before: of each year, how many are
    favourable and how many judge at all.
    """
    years = [year for year, (_, judge) in sorted(by_year.items()) if judge >= _YEAR_SHOWN]
    if len(years) < 2:
        return "There are too few dated reviews that judge this to tell a change."
    before = [by_year[year] for year in years[:-1]]
    low, high = wilson(sum(part for part, _ in before), sum(judge for _, judge in before))
    after_low, after_high = wilson(*by_year[years[-1]])
    words = (
        "More favourable than before"
        if after_low > high
        else "Less favourable than before"
        if after_high < low
        else "No clear change"
    )
    parts = [f"{year}: {by_year[year][0]:,} of {by_year[year][1]:,} favourable" for year in years]
    return f"{words}. {'; '.join(parts)}."


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def in_a_row(parts: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0]
