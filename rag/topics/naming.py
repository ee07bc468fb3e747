"""What a topic is called, in the reviewers' words."""

from __future__ import annotations

from collections.abc import Sequence

from rag.topics.aspects import Aspect
from rag.topics.candidates import Use

_PREFERRED = 0.1  # of the uses of the commonest noun, that a preferred name must have
_WHOLE = 0.3  # of the uses of the commonest, that a name of two words must have
_WITH_ARTICLE = 0.03  # of a word's uses that are after "the", from which it is asked about with it
_NAME_WITH_ARTICLE = 0.3  # and of a name's


def name_of(heads: Sequence[str], aspect: Aspect | None, uses: dict[str, Use]) -> str:
    """The term to call a topic by: of a topic of the table the first of its nouns that is not rare, so
    that a few more reviews do not change it; of another the commonest.
    """
    if not heads:
        assert aspect is not None
        return aspect.names[0].rstrip("*")
    most = max(uses[term].count for term in heads)
    if aspect is not None:
        return next(term for term in heads if uses[term].count >= _PREFERRED * most)
    pairs = [term for term in heads if " " in term and uses[term].count >= _WHOLE * most]
    return min(pairs or heads, key=lambda term: (-uses[term].count, term))


def called(term: str, uses: dict[str, Use]) -> tuple[str, str]:
    """A term as reviewers write it, and as a question has it: "ending" and "the ending"."""
    use = uses.get(term)
    if use is None:
        return term, term
    forms = use.forms
    name = max(forms, key=lambda form: (forms[form], form)) if use.is_name else term
    share = _NAME_WITH_ARTICLE if use.is_name else _WITH_ARTICLE
    article = "the " if use.after_the >= share * use.count else ""
    return name, f"{article}{name}"
