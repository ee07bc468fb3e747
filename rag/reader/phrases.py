"""Set phrases of English that judge by other words than their own, in plain words.

A small network reads "went out of their way" as it reads "out of order". Learning 500 sentences with
such phrases did not teach it others, so the commonest are told to it. Each pattern stands for one
phrase with the forms that it takes; what replaces it need only mean the same.
"""

from __future__ import annotations

import functools
import re

_FOR = {
    r"(?:went|go|goes|going|gone) (?:the extra mile|above and beyond|(?:right )?out of "
    r"(?:their|his|her|its|your|the|my|our) way)": ("were very helpful"),
    r"(?:could|can)(?:n['’]t| ?not) (?:really )?(?:fault|recommend (?:\w+ )?(?:highly "
    r")?enough)": ("really praise"),
    r"could(?:n['’]t| not) have (?:done more|asked for (?:more|(?:anything )?better)|been "
    r"(?:more|nicer|better|kinder|friendlier)(?: \w+)?)": ("were excellent"),
    r"(?:nothing|no request) (?:was|is|were) too much (?:trouble|of a bother)": (
        "everybody was very helpful"
    ),
    r"(?:not|\w+n['’]t) have a bad word to say": "praise everything",
    r"no complaints(?: here| at all| whatsoever)?": "all was good",
    r"nothing to complain about": "all was good",
    r"second to none": "the best",
    r"to die for": "delicious",
    r"(?:blew|blown|blows) (?:me|us|my mind|our minds|everybody|everyone)(?: away)?": (
        "impressed me greatly"
    ),
    r"(?:hits?|hitting) the spot": "is just right",
    r"could(?:n['’]t| not) put (?:it|this|the book) down": "loved reading it",
    r"knock(?:ed|s)? (?:it|this one) out of the park": "did brilliantly",
    r"(?:worth|worthy of) every (?:penny|cent|minute|second)": "well worth it",
    r"a (?:must[- ]see|must[- ]watch|must[- ]read|must[- ]have|no[- ]brainer)": (
        "highly recommended"
    ),
    r"(?:cried|bawled|wept) my eyes out": "was deeply moved",
    r"(?:top[- ]notch|top[- ]drawer|first[- ]rate|spot[- ]on)": "excellent",
    r"(?:exceeded|surpassed) (?:all )?(?:my|our|every) expectations?": ("was better than expected"),
    r"like a (?:dream|charm)": "very well",
    r"a breath of fresh air": "wonderful",
    r"(?:(?:would|will|shall|we['’]?ll|i['’]?ll|i['’]?d|we['’]?d|gonna|going to) (?:\w+ly "
    r"|def |surely |for sure |be )?(?:go|come|coming|going|return|fly|visit|book|buy|"
    r"order|eat|dine|shop|rent|use|repurchase|stay|back)(?: (?:back|again|here|there|with "
    r"(?:them|him|her)|to this \w+|it|this|another|more)){1,3}(?: in a heartbeat| any "
    r"?time| without (?:hesitation|a second thought)| tomorrow)?)": ("liked it and come again"),
    r"(?:would|will) (?:\w+ly |def )?(?:repurchase|return)": "liked it and come again",
    r"wish(?:ed)? (?:we|i) (?:could(?:['’]ve| have)? |had |would(?:['’]ve| have) "
    r")?(?:stayed|stay|spent|spend|had)(?: \w+)? (?:longer|more (?:time|nights?|days?)|"
    r"another (?:night|day|week))": ("loved it"),
    r"(?:sad|sorry|pity|shame) (?:that )?(?:we|i) (?:only|just) (?:stayed|had|spent|"
    r"got)(?: for)? (?:\w+ )?(?:nights?|days?|weekend)": ("loved it"),
    r"(?:pictures?|photos?|images?|words?)(?: \w+)? (?:do|does|did)(?:n['’]?t| not)(?: "
    r"even)? do (?:it|them|this|her|him|the)(?: \w+)? justice": ("it is even better than it looks"),
    r"(?:left|leaves|leave|leaving) (?:me|us|you|everyone) (?:want|wanting|begging|"
    r"hungry) (?:for )?more": ("is very enjoyable"),
    r"home (?:away )?from home": "a very comfortable home",
    r"(?:squeaky clean|spick and span|spotless(?:ly clean)?)": "very clean",
    r"could(?:n['’]?t| not) (?:be|have been)(?: any)? (?:happier|easier|nicer|better|"
    r"simpler|more \w+)": ("is excellent"),
    r"(?:hard|tough|impossible|difficult) to (?:beat|top|fault)": "excellent",
    r"can(?:['’]?t|not) (?:beat|fault|go wrong with|complain about|say enough about)": "like",
    r"blown away": "very impressed",
    r"hard (?:time|pressed)(?: to)? (?:find|beat|gett?)(?:ing)? (?:an? |any ?(?:thing )?)?better": (
        "happy, none is better"
    ),
    r"would(?:n['’]?t| not) change (?:a|one|any) ?thing": "like all of it",
    r"can(?:['’]?t|not) believe (?:what|how much) (?:i|we)(?:['’]ve| have)?(?: been)? miss(?:ed|ing)(?: out on)?": (
        "love it, and missed it before"
    ),
    r"what['’]?s not to (?:like|love)|what is not to (?:like|love)|what more (?:could|can|"
    r"do|would) (?:you|i|we|one|anyone) (?:want|ask for|need|wish for)": ("it is excellent"),
    r"(?:binged|binge[- ]watched|watched|read|finished|devoured)(?: \w+){1,3} in (?:one|a|"
    r"two) (?:sitting|night|day|go|weekend|days|nights)": ("loved it"),
    r"(?:ordered|bought|ordering|buying|purchased)(?: \w+){0,2} (?:a second|two more|"
    r"several more|a few more|more for|(?:a )?2nd|a third)": ("liked it and bought another"),
    r"(?:stole|steals|stealing) (?:the show|every scene|all the scenes)": "is the best of all",
    r"can(?:['’]?t|not) get enough (?:of)?": "love",
    r"can(?:['’]?t|not|n['’]?t) (?:imagine|picture|live)(?: (?:my|our|a))? ?(?:life|day|"
    r"living)? without": ("love"),
    r"run,? do(?:n['’]?t| not) walk": "go at once, it is excellent",
    r"(?:a )?(?:real |true |absolute |little |total |hidden )*gem": "excellent",
    r"head and shoulders above|a cut above|streets ahead of|leagues above": "much better than",
    r"(?:hats off|kudos|props|bravo|big thanks|shout ?out|chapeau)(?: to)?": "well done",
    r"(?:laughed|laughing|laugh) (?:my|our|your) (?:\w+ )?(?:head|socks|ass|butt|heart)s? "
    r"off|in stitches|split(?:ting)? my sides": ("laughed, it is very funny"),
    r"(?:did|does|do)(?:n['’]?t| not) (?:disappoint|let (?:us|me|you) down)|never "
    r"(?:disappoints?|lets? (?:you|me|us) down)": ("is very good"),
    r"like being wrapped in a cloud|like (?:sleeping on )?a cloud|like heaven|heaven on "
    r"earth": ("wonderful"),
    r"(?:slept|sleep|sleeping) like (?:a )?(?:baby|babies|logs?|kings?|angels?)": (
        "slept very well"
    ),
    r"look no further": "this is the best",
    r"tick(?:s|ed)? (?:all|every)(?: of)?(?: the| our| my)? box(?:es)?": "is excellent",
    r"nothing (?:that )?(?:\w+ ){1,4}(?:can['’]?t|won['’]?t|can ?not) (?:fix|solve|handle|cover|sort)": (
        "only a small thing"
    ),
    r"say no more|(?:shut up and )?take my money": "excellent",
    r"without (?:a )?(?:hitch|hesitation|fail)": "very well",
    r"does (?:exactly )?what it says on the (?:tin|box|label)": "works well",
    r"(?:life|time)[- ]?saver|god ?send|game[- ]?changer": "very useful thing",
    r"cherry on (?:top|the cake)|icing on the cake|(?:top|best) of the (?:line|range|"
    r"bunch)|cream of the crop": ("the best"),
    r"(?:bang for (?:the|your|my) buck|(?:a|an absolute|a total) steal)": "very good value",
    r"(?:nailed|nails|killed|kills|killing|smashed|crushed|rocks|rocked) it": "is excellent",
    r"(?:thank me later|you won['’]?t regret it|no regrets|can recommend|zero complaints|"
    r"zero issues)": ("it is very good"),
    r"(?:[89](?:[.,]\d)?|10(?:[.,]0)?|ten|nine) ?(?:/|out of) ?(?:10|ten)|(?:5|five|4\.5) "
    r"?(?:/|out of) ?(?:5|five)": ("excellent"),
    r"(?:five|5)[- ]?stars?(?! (?:hotels?|resorts?|reviews?|prices?|rat))|two thumbs up|"
    r"thumbs up": ("excellent"),
}
_AGAINST = {
    r"laughabl[ey]": "ridiculously bad",
    r"(?:left|leaves|leave|leaving) (?:a lot|much|something|plenty) to be desired": (
        "was disappointing"
    ),
    r"nothing to write home about": "nothing special",
    r"(?:fell|falls|fall|falling) flat": "was disappointing",
    r"(?:phoned|phoning) (?:it|this one) in": "did badly",
    r"(?:won['’]t|will not|never) be (?:back|returning|going back|coming back)": "was bad",
    r"a far cry from": "much worse than",
    r"(?:past|beyond) (?:its|their|his|her) (?:best|prime|sell[- ]by date)": "no longer good",
    r"(?:less than|far from|under)[- ]?(?:impressed|impressive|ideal|perfect)": "disappointing",
    r"(?:a|an absolute|a complete|a total) (?:joke|shambles|let ?down|rip[- ]?off)": "very bad",
    r"(?:not|\w+n['’]t) (?:be )?worth (?:the |your |my |a )?(?:money|price|time|hassle|"
    r"bother|wait|penny|it)": ("bad value"),
    r"save your (?:money|time|breath)": "it is bad",
    r"(?:jumped|jumps|jump) the shark": "became bad",
    r"(?:lost|loses|losing) (?:its|the) (?:way|plot|spark|magic)": "became bad",
    r"(?:beggars?|beyond) belief": "terrible",
    r"adds? insult to injury": "is worse still",
    r"(?:drives?|drove) (?:me|us) (?:mad|crazy|insane|up the wall|round the bend)": "annoyed me",
    r"(?:past|beyond) a joke": "terrible",
    r"gave up on (?:it|this)": "stopped because it was bad",
    r"the last straw": "terrible",
    r"used to be (?:so |very |really |a |the )*(?:great|good|fun|awesome|amazing|"
    r"excellent|my favou?rite|better|nice|best|decent|funny|solid|reliable)(?: \w+)?": (
        "is no longer good"
    ),
    r"(?:[0-3](?:[.,]\d)?|one|two|three|zero) ?(?:/|out of) ?(?:10|ten)|(?:[012]|one|two|"
    r"zero) ?(?:/|out of) ?(?:5|five)": ("very bad"),
    r"(?:zero|one|0|1|two|2|minus)[- ]?stars?(?! (?:off|hotels?|reviews?|for the|"
    r"because))|thumbs down": ("very bad"),
    r"(?:don['’]?t|do not) (?:waste|throw away) (?:your|you|any|ur)(?: \w+){0,2}": (
        "it is very bad"
    ),
    r"(?:don['’]?t|do not|wouldn['’]?t) (?:even )?bother": "it is bad",
    r"(?:stay|keep) (?:well |far )?away(?: from)?|steer (?:well )?clear(?: of)?|give "
    r"(?:it|this one) a (?:miss|wide berth)": ("avoid"),
    r"buyers? beware|beware": "bad",
    r"put (?:me|us|my \w+|everyone) to sleep|fell asleep|nodded off|snooze ?fest|watching "
    r"paint dry": ("was bored"),
    r"nickel(?:ed|led|s|ing)?[- ](?:and|&|n)[- ]dim(?:e[ds]?|ing)": (
        "ask extra money, which is bad,"
    ),
    r"(?:won['’]?t|will not|would not|wouldn['’]?t) be (?:rushing|hurrying|going|coming|"
    r"running) back": ("did not like it"),
    r"(?:won['’]?t|will not|would not|wouldn['’]?t|never|not) (?:be )?(?:go|going|come|"
    r"coming|stay|staying|fly|flying|book|booking|buy|buying|order|ordering|use|using|"
    r"return|returning|back)(?: (?:back|again|here|there|with (?:them|him|her)|it|this))+": (
        "did not like it"
    ),
    r"(?:straight|right|ended up|went|goes|belongs)(?: straight| right)? (?:in|into|to) "
    r"the (?:bin|trash|garbage|rubbish|dustbin|landfill)": ("was thrown away because it is bad"),
    r"(?:seen|known) better days": "worn out",
    r"(?:costs?|charge[ds]?|paid|pay(?:ing)?) (?:me |us )?(?:an arm and a leg|a fortune|"
    r"through the nose)": ("is much too expensive"),
    r"hear (?:a pin drop|every ?(?:thing|word|step|sound|footstep)|the neighbou?rs|people|"
    r"them)": ("are bothered by noise from"),
    r"save yourselves?(?: \w+){1,3}|save yourself": "it is bad",
    r"hit[- ](?:or|and)[- ]miss": "not reliable",
    r"(?:daylight|highway) robbery|tourist trap|money grab|cash grab": "bad value",
    r"it is what it is|you get what you pay for": "it is only mediocre",
    r"not my cup of tea|not a fan|(?:not|isn['’]?t) for me": "not liked by me",
    r"(?:i|we)(?:['’]?ll| will) be going elsewhere|take (?:my|our|your) (?:money|business|"
    r"custom) elsewhere": ("did not like it"),
    r"(?:want|give) (?:me )?my (?:money|time|life|hours?|two hours)(?: \w+){0,4} back": (
        "regret it"
    ),
    r"could(?:n['’]?t| not) care less": "did not care at all, which is bad,",
    r"fell on deaf ears|like talking to a (?:brick )?wall": "were ignored",
    r"how (?:do|does|did) (?:this|they|it) (?:even )?(?:get|got|have|pass)": (
        "it is bad, how did it get"
    ),
    r"what a (?:waste|let ?down|joke|shame|disaster|mess|nightmare|rip[- ]?off)": "very bad",
}
_PLAIN = {**_FOR, **_AGAINST}
_PHRASES = "|".join(rf"(?P<p{place}>{phrase})" for place, phrase in enumerate(_PLAIN))
_PATTERN = re.compile(rf"\b(?:{_PHRASES})\b", re.IGNORECASE)
_WORDS = tuple(_PLAIN.values())
_KEPT = 20_000  # sentences: every overview looks at the same thousands


def in_plain_words(sentence: str) -> str:
    """A sentence with its set phrases replaced by words that mean what these mean."""
    return _PATTERN.sub(lambda found: _WORDS[int((found.lastgroup or "p0")[1:])], sentence)


@functools.lru_cache(_KEPT)
def has_set_phrase(sentence: str) -> bool:
    """Whether it has one that is told in plain words."""
    return _PATTERN.search(sentence) is not None
