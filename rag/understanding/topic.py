"""What a question is about, in phrases, so that a follow-up may replace one of them (English)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.understanding.intent import content_words
from rag.understanding.side import sides_named

PEOPLE = (
    "people|ppl|persons?|everyone|everybody|anyone|anybody|someone|somebody|nobody|others|reviews|reviewers?|viewers?|"
    "guests|customers|users|critics|buyers|diners|visitors|travell?ers|fans"
)
REVIEWERS = f"(?:{PEOPLE}|most|some|many|all|you|i|we|one)"
PLACE = "(?:in|on|at|for|with|without|during|after|before|from|to|by|under|near|outside|inside|about|of|between|since)"
AUXILIARY = (
    "(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must|isn['’]t|aren['’]t|wasn['’]t|"
    "weren['’]t|don['’]t|doesn['’]t|didn['’]t|can['’]t|won['’]t)"
)
CUT = "…"  # stands where a phrase was taken out
_TIME = re.compile(
    r"\b(?:nights?|mornings?|noon|afternoons?|evenings?|daytime|days?|week\w*|\w+days?|lunch|dinner|summer|winter|spring|"
    r"autumn|holidays?|month|year)\b",
    re.IGNORECASE,
)
CONNECTIVE = re.compile(
    r"^\W*(?:(?:and|but|also|or|so|then|ok|okay|well|yes)\b[\s,]*)+", re.IGNORECASE
)
_ABOUT = re.compile(
    r"\b(?:about|(?:think|make|made|say|opinion|views?|verdict|pros|cons|problems?|flaws?|(?:down|up)sides?|drawbacks?|"
    rf"(?:dis)?advantages?) (?:of|on|with))\s+(.+?)(?:\s+(?:{PLACE}|{AUXILIARY}|when)\b|,|$)",
    re.IGNORECASE,
)
_DEGREE = (
    "(?:too|very|really|any|as|so|still|always|ever|actually|more|less|worth|all|that|a|an|the|well|also|only|often|"
    "usually|often|like|or|and|but|enough|compared|than|not|just|supposed|meant)"
)
_SAYS_NOTHING = re.compile(rf"\b(?:{AUXILIARY}|it|they|there|you|i|we)\b(?!['’])", re.IGNORECASE)
_JOINED = re.compile(rf"(?:{PLACE}|and|or)\b", re.IGNORECASE)
_LED_ABOUT = re.compile(r"^(?:about|of)\s+", re.IGNORECASE)
_QUESTION_WORD = re.compile(
    r"^(?:what|how|which|who)(?:\s+about|\s+many)?$|^(?:what|which|how|who)\s+(?=(?:the|a|an)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """`phrases` are what a question says, in its order, without auxiliaries: "how good", "the
    pool", "at night". `focus` is the place of the one that it is about, None where no rule finds
    it.
    """

    phrases: tuple[str, ...] = ()
    focus: int | None = None

    @classmethod
    def of(cls, question: str) -> Topic:
        """The topic of a question that stands alone."""
        return cls.around(question, focus_of(question))

    @classmethod
    def around(cls, question: str, focus: str) -> Topic:
        """The topic of a question that is known to be about `focus`, words of it, or ""."""
        body = CONNECTIVE.sub("", question.strip()).rstrip(" ?.!")
        before, found, after = body.partition(focus) if focus else (body, "", "")
        led = re.search(rf"\b{PLACE}\s+$", before, re.IGNORECASE)
        if found and led:  # "about the pool" is one phrase
            before, found = before[: led.start()], led.group() + found
        ahead = tuple(_phrases(before))
        return cls(
            (*ahead, *((found,) if found else ()), *_phrases(after)),
            len(ahead) if found else None,
        )

    @property
    def about(self) -> str:
        """The phrase that it is about, without its preposition; "" where none is known."""
        if self.focus is None:
            return ""
        return re.sub(rf"^{PLACE}\s+", "", self.phrases[self.focus], flags=re.IGNORECASE)

    @property
    def words(self) -> str:
        """All that it says."""
        return _LED_ABOUT.sub("", " ".join(phrase for phrase in self.phrases if phrase != CUT))

    @property
    def shown(self) -> str:
        """The same for a reader: "the bath, clean", "how long … last"."""
        text = ""
        for place, phrase in enumerate(self.phrases):
            is_own = self.focus is not None and place == self.focus + 1
            comma = is_own and phrase != CUT and not _JOINED.match(phrase)
            text += f"{',' if comma else ''} {phrase}"
        return _LED_ABOUT.sub("", text.strip(f"{CUT} "))

    def without(self, place: int) -> Topic:
        """Without the phrase at a place."""
        phrases = (*self.phrases[:place], CUT, *self.phrases[place + 1 :])
        return Topic(phrases, None if place == self.focus else self.focus)

    def without_sides(self) -> Topic:
        """Without the phrases that name praise or criticism: "what people like"."""
        topic = self
        for place, phrase in enumerate(self.phrases):
            if place != self.focus and sides_named(phrase):
                topic = topic.without(place)
        return topic

    def with_part(self, part: str) -> tuple[Topic, Topic]:
        """The topic with `part`, a follow-up's own phrase, in place of what it stands for; and what
        is kept of this one.
        """
        part = self._of_the_same_kind(part)
        place = self._stands_for(part)
        kept = self if place is None else self.without(place)
        led = re.match(rf"{PLACE}\b", part, re.IGNORECASE)
        if place is None:
            at, focus = len(kept.phrases), kept.focus
            if not led and focus is None:
                focus = at
            return Topic((*kept.phrases, part), focus), kept
        if not led and place != self.focus:  # "with Linux", and macOS
            preposition = re.match(rf"{PLACE}\s+", self.phrases[place], re.IGNORECASE)
            part = (preposition.group() if preposition else "") + part
        phrases = (*self.phrases[:place], part, *self.phrases[place + 1 :])
        return Topic(phrases, self.focus), kept

    def _of_the_same_kind(self, part: str) -> str:
        """ "the old one" after a question about "the new model" is the old model."""
        one = re.match(r"(.+?)\s+ones?$", part, re.IGNORECASE)
        return f"{one.group(1)} {self.about.split()[-1]}" if one and self.about else part

    def _stands_for(self, part: str) -> int | None:
        """The place of the phrase that `part` replaces."""
        led = re.match(rf"({PLACE})\b", part, re.IGNORECASE)
        if led:
            same = rf"^{led.group(1)}\b"
            if found := self._first(same):
                return found[0]
            times = [n for n in self._first(rf"^{PLACE}\b") if _TIME.search(self.phrases[n])]
            return times[0] if times and _TIME.search(part) else None
        for word in re.findall(r"[\w'’-]+", content_words(part)):  # "season 3" after "season 1"
            same = rf"\b(?:{re.escape(word)}\s+\d+|(?:the|an?)\s+[\w-]+\s+{re.escape(word)})\b"
            if found := self._first(same):
                return found[0]
        if self.focus is not None:
            return None if " or " in self.about else self.focus
        led_by = self._first(rf"^{PLACE}\b")
        return led_by[-1] if led_by else None

    def _first(self, pattern: str) -> list[int]:
        return [
            place
            for place, phrase in enumerate(self.phrases)
            if re.search(pattern, phrase, re.IGNORECASE)
        ]


def _phrases(text: str) -> Iterator[str]:
    """The phrases of a part of a question, split before prepositions, without what says nothing."""
    for piece in re.split(rf"\s+(?={PLACE}\s+\S)", text, flags=re.IGNORECASE):
        said = " ".join(_SAYS_NOTHING.sub(" ", piece).split()).strip(" ,;:?.!")
        said = _QUESTION_WORD.sub("", said).strip()
        if said:
            asks = re.match(r"(?:what|how|which|who|why|when|where)\b", said, re.IGNORECASE)
            yield said[0].lower() + said[1:] if asks else said


def focus_of(question: str) -> str:
    """The phrase that a question is about: "the pool" of "Is the pool clean?"; empty where no rule
    finds it.
    """
    body = CONNECTIVE.sub("", question.split("?")[0]).strip(" .!")
    about = _ABOUT.search(body)
    if about:
        return about.group(1)
    found = re.search(
        rf"(?:^|\s)({AUXILIARY})\s+(?!{REVIEWERS}\b|there\b|it\b|they\b|this\b)(.+)$",
        body,
        re.IGNORECASE,
    )
    if found:
        whether = found.start(1) == 0
        is_verb = found.group(1).lower() in ("is", "are", "was", "were")
        return _noun_phrase(found.group(2), whether or not is_verb)
    found = re.search(
        rf"\b(?:{PEOPLE}|you|i|we)\s+(?!who\b|that\b)([\w'’-]+)\s+(.+)$", body, re.IGNORECASE
    )
    if found and not re.match(rf"{PLACE}\b", found.group(2), re.IGNORECASE):
        return _noun_phrase(found.group(2), found.group(1).lower().startswith("find"))
    found = re.search(r"\b(?:the|their|its)\s+(.+)$", body, re.IGNORECASE)
    if found:
        return _noun_phrase(found.group(), re.search(r"\bfinds?\b", body) is not None)
    return ""


def _noun_phrase(rest: str, with_predicate: bool) -> str:
    """The noun phrase at the beginning of `rest`; its last word is left to the predicate where one
    is expected.
    """
    lead = re.match(r"(?:(?:the|a|an|their|its|my|your)\s+)?", rest, re.IGNORECASE)
    start = lead.end() if lead else 0
    stop = re.search(
        rf"\s+(?:{_DEGREE}|{PLACE}|{AUXILIARY})\b|[,;:]|$", rest[start:], re.IGNORECASE
    )
    assert stop is not None
    words = rest[start : start + stop.start()].split()
    before_degree = re.match(
        r"\s+(?:too|very|really|any|as|so|still|always|ever|actually|more|worth|well|that)\b",
        stop.group(),
    )
    if with_predicate and len(words) > 1 and not before_degree:
        words = words[:-1]
    return rest[:start] + " ".join(words)
