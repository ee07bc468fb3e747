"""Words of a question that tell what it wants, as numbers beside its vector (English)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.understanding.intent import content_words
from rag.understanding.side import asked_side

_PEOPLE = (
    "people|viewers|guests|users|customers|reviewers|travellers|passengers|owners|buyers|players|"
    "readers|students|patients|parents|diners|fans"
)
_PATTERNS = (
    # how it begins
    r"^\W*(?:is|are|was|were|am|isn['’]?t|aren['’]?t|wasn['’]?t|weren['’]?t)\b",
    r"^\W*(?:does|do|did|don['’]?t|doesn['’]?t|didn['’]?t)\b",
    r"^\W*(?:can|could|will|would|should|has|have|had|may|might)(?:n['’]?t)?\b",
    r"^\W*(?:and |but |so )?(?:why|how come)\b",
    r"^\W*how (?:is|are|was|were|good|bad|did|do|does|well)\b",
    r"^\W*(?:who|whose|whom)\b",
    r"^\W*when\b",
    r"^\W*where\b",
    r"^\W*(?:which|what) (?!do|does|did|is|are|was|were|['’]s)\w+",
    r"^\W*(?:tell|give|list|show|explain|describe|summari[sz]e|sum)\b",
    # reasons
    r"\b(?:what (?:makes|made|keeps|caused?)|cause of|blame|re?a?sons?|so special|behind|because of what)\b",
    # how many
    r"\bhow (?:many|mnay|often|common|frequently)\b",
    r"\b(?:percent\w*|share|proportion|fraction|majority|ratio|out of)\b|%",
    r"\b(?:most (?:\w+ )?(?:"
    + _PEOPLE
    + r"|reviews)|(?:do|are|is it) most|nobody|everyone|everybody|"
    r"many who|only a few|a lot of people|one-off|rare|a common|in how many|what number of)\b",
    # facts
    r"\bhow (?:much|long|far|big|old|heavy|tall|late|early|loud|soon|fast|high|deep|wide|many times)\b",
    r"\b(?:price|cost|password|hours|limit|weight|size|dimensions|address|phone|check.?(?:in|out)|"
    r"deadline|calories|length|runtime|age|name of)\b",
    # comparisons
    r"\b(?:than|versus|vs|compare[ds]?|comparison|better of|or the|difference between|prefer|instead of|"
    r"rather than|over the|side by side|the other|measure up|as \w+ as)\b",
    r"\b\w+ or \w+\b",
    # change
    r"\b(?:since|over time|over the years|lately|recent(?:ly)?|nowadays|still|any ?more|changed?|changing|"
    r"got(?:ten)? (?:better|worse)|improv\w*|declin\w*|gone (?:up|down)|used to|these days|newer|older|"
    r"trend\w*|previously|finally|became?|begin|began|ever since|updat\w*|renovat\w*)\b",
    r"\b(?:19|20)\d\d\b|\b(?:months?|years?) ago\b",
    # what can be read off
    r"\b(?:average|ratings?|stars?|score|number of reviews|breakdown|distribution|histogram|review count|"
    r"date range|median|(?:first|last|latest|oldest|newest) review)\b",
    r"\b(?:rated|gave|give|written|wrote|posted|in here|so far)\b",
    # everything
    r"\b(?:pros|cons|summar\w*|overall|in (?:short|a nutshell|general|brief)|verdict|gist|tl;?dr|both sides|"
    r"good and bad|likes? and dislikes?|complaints?|main|overview|sum|at a glance|bottom line|takeaways?|"
    r"reception|impression|recap|gripes|highlights)\b",
    r"\b(?:positives?|negatives?|strengths?|weaknesses|upsides?|downsides?|praise|drawbacks?)\b",
    r"\b(?:opinions?|thoughts?|feel about|think (?:of|about)|say about|views? on)\b",
    r"\b(?:most|best|worst|least|favou?rite)\b",
    r"\b(?:worth|recommend|suitable|good for|ok(?:ay)? for|safe|enough|too)\b",
    r"\b(?:say|says|said|mention\w*|complain\w*|calls?|report\w*|agree|felt|thought|hated?|loved?|liked?)\b",
    rf"\b(?:{_PEOPLE})\b",
    # sides
    r"\b(?:wish\w*|missing|lack\w*|short of|fall short|put(?:s|ting)? .{0,20}off|steer clear|do without|live up|"
    r"forgive|catch|fix\w*|deal.?breakers?|could do with|done differently|unimpressed|not go back|stop doing)\b",
    r"\b(?:never let|get enough|want to miss|stands? out|keeps? .{0,25}back|win .{0,15}over|sell me|"
    r"wouldn['’]?t change|shines?|worth the)\b",
    r"\?",
    r"^\W*\w+(?: \w+)?\W*$",
    r"^\W*\w+(?: \w+){2,4}\W*$",
)
_CUES = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _PATTERNS)
_SIDES = ("praise", "criticism")
_MOST_WORDS = 4
WEIGHT = 0.3  # of a cue beside a unit vector, chosen by cross-validation


def cues_of(questions: Sequence[str]) -> NDArray[np.float32]:
    """(questions, cues) `WEIGHT` where a question has a cue, else 0."""
    rows = []
    for question in questions:
        has = [pattern.search(question) is not None for pattern in _CUES]
        words = min(_MOST_WORDS, len(content_words(question).split()))
        has += [words == number for number in range(_MOST_WORDS + 1)]
        has += [asked_side(question) == side for side in _SIDES]
        rows.append(has)
    return WEIGHT * np.array(rows, dtype=np.float32)
