"""Word lists that claims are made with by rule (see `synthetic`)."""

from __future__ import annotations

import re
from collections import defaultdict

_ANTONYMS = """
good bad, great terrible, excellent awful, amazing dreadful, wonderful horrible, fantastic
lousy, brilliant poor, superb weak, perfect flawed, best worst, better worse, interesting
boring, exciting dull, gripping tedious, funny unfunny, hilarious unfunny, clever stupid, smart
dumb, original unoriginal, fresh stale, realistic unrealistic, believable unbelievable,
convincing unconvincing, predictable surprising, obvious subtle, easy difficult, simple
complicated, cheap expensive, clean dirty, friendly rude, helpful unhelpful, comfortable
uncomfortable, quiet noisy, fast slow, quick slow, long short, short long, big small, large
small, old new, new old, young old, strong weak, weak strong, bright dark, dark light, beautiful
ugly, pretty ugly, stunning drab, likable unlikable, memorable forgettable, forgettable
memorable, enjoyable unpleasant, pleasant unpleasant, entertaining boring, boring exciting, dull
exciting, slow fast, bad good, terrible great, awful excellent, horrible wonderful, poor
excellent, worst best, worse better, stupid clever, dumb smart, lame cool, cool lame,
disappointing satisfying, satisfying disappointing, disappointed delighted, happy unhappy, sad
happy, loved hated, love hate, loves hates, hated loved, hate love, like dislike, liked
disliked, enjoyed disliked, enjoy dislike, recommend reject, recommended discouraged, works
fails, worked failed, fails succeeds, failed succeeded, always never, never always, everyone
nobody, everything nothing, nothing everything, all none, many few, few many, most few, more
less, less more, much little, first last, last first, high low, low high, right wrong, wrong
right, useful useless, useless useful, worth unworthy, well badly, badly well, tasty tasteless,
delicious disgusting, hot cold, warm cold, cold warm, soft hard, safe dangerous, reliable
unreliable, sturdy flimsy, accurate inaccurate, clear unclear, rich thin, deep shallow, shallow
deep, heavy light, light heavy, overrated underrated, underrated overrated, intelligent stupid,
serious silly, silly serious, violent harmless, moving cold, powerful feeble, impressive
unimpressive, lovely hideous, annoying pleasant, irritating charming, ridiculous sensible, nice
nasty, decent poor, fun dull, success failure, masterpiece failure, strengths weaknesses,
positive negative, negative positive, up down, before after, after before, early late, near far,
inside outside, increase decrease, improved worsened, spacious cramped, generous stingy, tender
tough, crowded empty, empty crowded, open closed, rarely often, often rarely, with without,
without with
"""
ANTONYMS: dict[str, str] = dict(
    pair.split(maxsplit=1) for pair in _ANTONYMS.replace("\n", " ").split(",")
)

_SYNONYMS = """
good fine, great excellent, great very good, excellent outstanding, amazing astonishing,
terrible dreadful, awful very bad, bad poor, boring dull, boring tedious, funny amusing,
hilarious very funny, movie film, film movie, show series, series show, loved adored, love
adore, enjoyed liked, hate detest, hated could not stand, stupid silly, beautiful lovely, big
large, actors performers, acting performances, plot story, story plot, scary frightening,
interesting intriguing, exciting thrilling, slow sluggish, best finest, horrible dreadful,
fantastic superb, wonderful marvellous, perfect flawless, ending end, kids children,
entertaining enjoyable, disappointing a letdown, predictable foreseeable, weird strange, smart
clever, dumb silly, purchase buy, bought purchased, cheap inexpensive, expensive costly,
friendly kind, quick fast, quickly fast, rude impolite, room rooms, delicious very tasty, staff
employees, started began, starts begins, watch see, watched saw, think believe, thought
believed, many a lot of, also too, whole entire, entire whole, nearly almost, almost nearly
"""
SYNONYMS: dict[str, list[str]] = defaultdict(list)
for _pair in _SYNONYMS.replace("\n", " ").split(","):
    _word, _other = _pair.split(maxsplit=1)
    SYNONYMS[_word].append(_other)

INTENSIFIERS = re.compile(
    r"\b(?:very|really|so|quite|pretty|just|actually|absolutely|totally|truly|simply|honestly"
    r"|definitely|extremely|also|even|too|rather|certainly|particularly|basically|literally)\b ?"
)
REPORTS = (
    "Reviewers say that ",
    "One reviewer says that ",
    "According to one of them, ",
    "People find that ",
    "Some say that ",
    "Customers report that ",
    "The reviewer thinks that ",
    "It is said that ",
)
PRONOUNS = tuple(
    (re.compile(pattern), reviewer)
    for pattern, reviewer in (
        (r"\bI(?:'m| am)\b", "the reviewer is"),
        (r"\bI(?:'ve| have)\b", "the reviewer has"),
        (r"\bI\b", "the reviewer"),
        (r"\bmy\b", "their"),
        (r"\bMy\b", "Their"),
        (r"\bme\b", "them"),
        (r"\bwe\b", "they"),
        (r"\bWe\b", "They"),
        (r"\bour\b", "their"),
        (r"\bus\b", "them"),
    )
)
NUMBER_WORDS = (
    "one two three four five six seven eight nine ten twelve twenty thirty fifty hundred".split()
)
