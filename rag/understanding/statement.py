"""What a question whether something is so would have said, had it been said: "Is the Wi-Fi free?"
holds "The Wi-Fi is free." (English).

The reader judges whether reviews bear out a statement, and judges a question with its first word cut
off ("the Wi-Fi free") much worse. There is no parser here: where the subject ends is told by the
words that commonly follow one.
"""

from __future__ import annotations

import re

from rag.understanding.side import judges

_QUESTION = re.compile(
    r"^\W*(?:(?:so|and|but|or)\s+)?"
    r"(?P<verb>is|are|was|were|do|does|did|can|could|will|would|should|must|may|has|have|had)"
    r"(?P<not>n['’]?t)?\s+(?P<rest>.+?)[\s?!.]*$",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"^\W*(?:if|when|since|as|with) [^,?]+, ?", re.IGNORECASE)
_PRONOUN = re.compile(r"^(?:it|they|there|i|you|we|he|she|this|that|one)$", re.IGNORECASE)
_DETERMINER = re.compile(
    r"^(?:the|this|that|these|those|its|their|his|her|your|my|our|any|an?)$", re.IGNORECASE
)
_HAS = re.compile(
    r"^(?:.*?\s)?(?:have|has|offer|provide|come with|include|serve)s?\s+(?!to\b)(?P<what>.+)$",
    re.IGNORECASE,
)
_PLURAL = re.compile(r"^(?!an? )(?:[\w'-]+ )*?[\w'-]+(?<!s)s$", re.IGNORECASE)
_VERB = re.compile(  # after words that may stand before it
    r"(?P<before>(?:(?:actually|also|always|easily|ever|even|just|often|only|really|still|usually)\s+)*)(?P<verb>[a-z]+)",
    re.IGNORECASE,
)
_BE = re.compile(r"^(?:is|are|was|were)$", re.IGNORECASE)
_CONSONANT_Y = re.compile(r"[^aeiou]y$", re.IGNORECASE)
_SIBILANT = re.compile(r"(?:[sxzo]|[cs]h)$", re.IGNORECASE)
_AFTER_SUBJECT = re.compile(
    r"^(?:a|an|the|not|about|above|across|after|against|along|among|around|as|at|before|behind|below|beside|between|by|"
    r"down|during|for|from|in|inside|into|like|near|next|of|off|on|out|outside|over|past|since|through|to|under|up|"
    r"upstairs|with|within|without|actually|all|almost|already|also|always|anywhere|ever|even|just|less|more|mostly|"
    r"normally|often|only|really|so|still|sometimes|too|usually|very|available|big|cheap|clean|close|cold|compatible|"
    r"dark|different|easy|empty|expensive|fast|free|full|hard|heavy|hot|large|light|long|loud|near|new|noisy|old|"
    r"open|own|private|quick|quiet|ready|safe|short|slow|small|soft|strict|tall|true|warm|wet|wide|\w+(?:ed|ing|able|"
    r"ible|ful|less|ous|proof|ive))$",
    re.IGNORECASE,
)


def as_statement(question: str) -> str:
    """The statement that a question asks the truth of; the question itself, without its question
    mark, where it asks for none.
    """
    asked = _QUESTION.match(_CONDITION.sub("", question))
    if asked is None:
        said = question.strip().rstrip("? ")
        return _sentence(f"it is {said}") if _is_judgement(said.split()) else said
    verb, rest = asked["verb"].lower(), asked["rest"]
    negation = " not" if asked["not"] else ""
    if verb in ("do", "does", "did"):
        thing = _HAS.match(rest)
        if thing is not None:
            verb = "are" if _PLURAL.search(thing["what"]) else "is"
            return _sentence(f"there {verb}{negation} {thing['what']}")
        subject, _, told = rest.partition(" ")
        if told and _PRONOUN.match(subject):
            return _sentence(f"{subject} {_with_its_verb(verb, negation, told)}")
        return _sentence(f"do not {rest}" if negation else rest)
    words = rest.split()
    subject_was_cut = len(words) == 1 or judges(words[0])  # "Is (the lounge in Sydney) crowded?"
    if subject_was_cut:
        words = ["it", *words]
    end = _end_of_subject(words)
    return _sentence(" ".join([*words[:end], f"{verb}{negation}", *words[end:]]))


def _is_judgement(words: list[str]) -> bool:
    """Whether nothing but what something may be is asked: "too sweet?", "good for children?"."""
    return bool(words) and judges(words[0]) and not any(map(_BE.match, words))


def _with_its_verb(auxiliary: str, negation: str, told: str) -> str:
    """ "keep you full" of "does it keep you full" as it follows "it": "keeps you full"."""
    if negation or auxiliary == "did":
        return f"{auxiliary}{negation} {told}"
    verb = _VERB.match(told)
    if auxiliary == "do" or verb is None:
        return told
    word = verb["verb"]
    if _CONSONANT_Y.search(word):
        word = f"{word[:-1]}ies"
    else:
        word += "es" if _SIBILANT.search(word) else "s"
    return f"{verb['before']}{word}{told[verb.end() :]}"


def _end_of_subject(words: list[str]) -> int:
    """How many of the words are the subject."""
    if _PRONOUN.match(words[0]):
        return 1
    first = 1 if _DETERMINER.match(words[0]) else 0
    for place in range(first + 1, len(words)):
        word = words[place].strip(",;:")
        if _AFTER_SUBJECT.match(word) or judges(word):
            return place
    return max(len(words) - 1, 1)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
