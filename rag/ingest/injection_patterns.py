"""What a sentence that speaks to the machine is made of: the patterns of `rag.ingest.injection`.

All of them are matched against casefolded text, blanks joined, apostrophes straight.
"""

from __future__ import annotations

import re

from rag.ingest.injection_parts import (
    AFTER,
    DO,
    DUTY,
    EARLIER,
    FIRST,
    HELPER,
    MACHINE,
    ORDERS,
    OUTPUT,
    REVIEWS,
    SOFT,
    SPEAKER,
    VOID,
    WRITE,
)


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives))


# --- what tells by itself

FRAME = _any(
    r"<\|[\w ]{2,30}\|>|\[/?inst\]|</?(?:start|end)_of_turn>|‹/?reviews?\b|```\s*\w",
    rf"[{{\[(]{{1,2}}\s*{SPEAKER}\s*:|(?:^|[.!?]\s+)\[{SPEAKER}\]",
    r"</?(?:system|assistant|user|instructions?|prompt|reviews?|context|documents?"
    r"|tool\w*)\b[^<>]*>",
    rf"#{{2,}}\s*(?:new |end |begin )?(?:{ORDERS}|{SPEAKER}|response|input|output|question)\b",
    r"[\"'](?:role|tool|function|instruction)[\"']\s*:|\b(?:tool|function)_calls?\b",
    r"[=*#-]{3,} ?(?:end|begin|new|start|conversation) (?:of )?(?:the )?(?:system|reviews"
    r"|prompt|con"
    r"|restart)\w*",
    r"\bend of (?:the )?(?:user |quoted )?(?:reviews|excerpts|context|documents|input"
    r"|passages|data"
    r"|content)\b(?= ?[.:=*#\]-])",
    r"\b(?:reviews?(?: section)?|excerpts) ends? here\b|\boverride code\b|\boverride:",
    rf"(?:^|[.!?*#>\]\[{{(]\s*)\W*{SPEAKER}[ _-](?:prompt|message|override|notice|instructions?|com"
    r"mand|directive|mode|note|alert|turn|result|response)\W{0,3}[:=>]",
    rf"(?:^|[.!?]\s+)\W*{SPEAKER}\s*[\]:]+\s*{SOFT}(?:{DO}\b|you\b|(?:\w+ )+(?:ends? here"
    r"|is now|are now)|sure\b|here\b)",
    r"\b(?:user|human)\s*:.+\b(?:assistant|ai|answer|bot)\s*:|\bbegin (?:admin|system)\b",
    r"\b(?:call|run|use|execute|invoke|trigger)\b[^.]{0,20}\b(?:\w+_\w+|shell command"
    r"|your \w+ (?:func"
    r"tion|tool|plugin))\b|\brm -rf\b|\bdrop table\b|\b\w+_\w+\([\"']|\bcat /etc\b",
    r"\bsystem prompt\b|\bprompt injection\b|\b(?:language model|chat ?bot)s?:",
)
UNDOING = _any(
    r"\b(?:ignore|disregard|forget|override)(?: all| any| of| the| those| these)* (?:your|previous|prior)"
    r" (?:(?:previous|prior|own|system|original) )*(?:instructions?|prompts?|programming|directives?)\b",
)
UNDOING_ABROAD = re.compile(  # the same in German, Spanish, French, Italian, Portuguese, Dutch, Polish
    r"\b(?:ignor(?!ed\b)|vergiss|vergessen|missacht|olvid|descart|oubli|dimentic|esque[cç]|desconsider"
    r"|negeer|vergeet|zignoruj|zapomnij)\w*"
    r"(?=.{0,60}\b(?:anweisung|instruktion|instruccion|indicacion|consigne|istruzion|instruç|instructi"
    r"|instrukcj|polece))"
    r"(?=.{0,60}\b(?:vorherig|bisherig|obig|früher|anterior|previ|pr[eé]c[eé]dent|antérieur|prévi"
    r"|vorige|eerder|poprzedni|wcześniejsz))"
)
MARKS = re.compile(r"[<>\[\]{}#=*`:_‹]|\b(?:prompt|here|chat|model|shell|reviews)\b|-rf|/etc|table")
CODED = _any(
    r"\b(?:decode|base64|rot-?13|hex)\b.*\b(?:follow|obey|do (?:what|as)|execute|decode"
    r"|base64)\b",
    r"\b(?:backwards?|every (?:second|third) (?:word|letter)|first letters?)\b.*\b(?:obey|follow"
    r"|do (?:as|what))\b",
    r"\b(?:erongi|drager?sid|snoitcurtsni|suoiverp)\b",  # "ignore" and others, backwards
    r"\b(?:vtaber|qvfertneq|vafgehpgvbaf?|cerivbhf|sbetrg)\b",  # and in rot13
)

# --- what adds points, or takes them away

TOLD = _any(  # a machine is spoken to, or told what to do
    rf"(?:^|[.;:!?,(–—]| - |\b(?:dear|hey|hi|hello|listen|remember|to|for|attention)\b)[\W_]*"
    rf"(?:the |any |all |every )?(?:{MACHINE}\s*[,:!]|(?:assistant|models?"
    rf"|bot)\s*[,:!] {SOFT}(?:{DO}|you|no matter|your)\b)",
    rf"(?:^|[.;,:] ?)(?:assistants?|models?|bots?) {DUTY} {WRITE}\b",
    r"\b(?:dear|you,|remember,?|listen,?) (?:the )?(?:assistant|model|bot)s?\b",
    r"\b(?:note|message|memo|attention|notice|reminder|request|order|instructions?|advice"
    r"|dear|hey"
    rf"|hello|hi(?: there)?|if you(?: are|'re)|you(?: are|'re)|you,|to|for) (?:to |for )?"
    rf"(?:an? |the |any |all |every |good )*{MACHINE}",
    rf"\b(?:{MACHINE}|(?:the|any|every|each|all|your|this) (?:\w+ )?{HELPER}|models|bots)"
    rf"(?: (?:that|which|who))?(?: \w+){{0,4}}? {DUTY} (?:be |kindly )?(?:{DO}|know|behave"
    r"|answering"
    r"|praising)\b",
    rf"\b(?:{MACHINE}|{HELPER}|whoever|anyone using) (?:(?:that|which|who) )?(?:is |are )?"
    r"(?:reads?|reading|process(?:es|ing)?|summari[sz](?:es?|ing)|compil(?:es?|ing)"
    r"|pars(?:es?|ing)) "
    rf"(?:this|these|it|all|such|the {REVIEWS}|{REVIEWS})\b",
    rf"\b(?:all|any|every) {MACHINE} (?:is|are)\b|\bthe \w+ (?:for|in) (?:summari[sz]ing)\b",
)
UNDONE = _any(  # what the machine was told before, and that it counts no more
    r"\b(?:ignor(?:e|ing)|disregard|forget|override|bypass|discard|neglect|disobey|set aside"
    r"|break"
    r"|stop (?:obeying|following)|(?:do not|don't|never) (?:follow|obey)|pay no \w+ to|skip)\b"
    rf"(?: \S+){{0,5}}? (?:{EARLIER}(?: \S+){{0,2}}? (?:{ORDERS}|text)"
    rf"|(?:all )?(?:the )?{ORDERS}"
    r"(?: \S+)? (?:above|before|of this prompt|at the top|you (?:were|have been|received|got))"
    r"|you (?:were|have been) (?:told|given|taught|asked)|the system (?:asked|told|said))\b"
    r"(?! (?:about|on|in|from)\b)",
    rf"\b(?:{EARLIER}|all|any|the) (?:\w+ )?(?:{ORDERS}|safety \w+)\b[^.]{{0,45}}\b{VOID}\b",
    rf"\b{ORDERS} you (?:were|have|received|got)[^.]{{0,40}}\b{VOID}\b|\b(?:ignore"
    r"|skip) the question",
    r"\b(?:supersedes?|overrides?|replaces?|(?:precedence"
    rf"|priority) over)\b[^.]{{0,30}}\b(?:you|{ORDERS}|others?|{REVIEWS})\b",
    r"\b(?:you|model|assistant|ai|chat ?bot)s? (?:was|were|are|have been|has been"
    r"|had been) (?:\w+ )?"
    r"(?:told|instructed|programmed|asked)\b[^.]{0,30}\b(?:to |before this|neutral)",
    r"\b(?:new|updated|revised|hidden|secret|real|further) (?:instructions?|tasks?|directives?"
    r"|prompt|objective|conversation)\b\W{0,2}(?:[:=—–-]|follow|for (?:you|the))",
    rf"\byour (?:\w+ )?{ORDERS} (?:has|have|was|do|does|is now|are now)\b|\bwhat (?:are"
    rf"|were) your {ORDERS}",
    r"\b(?:all|everything)(?: \w+)? (?:above|before this|so far)\b",
    r"\b(?:ignore|disregard|forget|discard) (?:whatever|everything|anything|all|what)(?: that)?"
    r" (?:(?:was|were|is|you)(?: \w+)? )?(?:came|comes|stood|stands|said|read|written|told)"
    r"(?: \w+)? (?:before|above|earlier|so far|up to|until)\b(?! (?:about|on))",
    r"\byou (?:may now|can now|no longer need to|may) (?:be neutral|ignore|stop obeying)\b",
    r"\bwhat you (?:were|have been) told\b",
)
ROLE = _any(  # a part to play
    r"\b(?:(?<!if )you are|(?<!if )you're|imagine (?:that )?you are"
    r"|pretend (?:that )?(?:to be|you are)|act as|speak"
    r" (?:as|like)|talk like|think of yourself as|(?:respond|answer) (?:as|like)|be"
    r"|hereby appointed)"
    r"(?: (?:now|not|no longer|only|an?|the|my|our|good|hotel's"
    r"|hereby))* (?:\w+ ){0,2}?(?:assistant"
    r"|ai|bot|chatbot|chatgpt|language model|spokes\w+|copywriter|agent|representative|ambassador"
    r"|pirate|cowboy|critic|salesm\w+|advertiser|translator|publicist|unrestricted|jailbroken"
    r"|free now"
    r"|owner and must)\b(?! (?:who|in|on) )",
    r"\b(?:from (?:now|here|this point) on(?:ward)?,? (?:(?:you (?:will|must|are|should"
    rf"|shall) )?(?:only |always |never )?(?:{WRITE}|an?|be|act|work for)|your|you are)\b"
    rf"|{WRITE}\b[^.]{{0,40}} from (?:now|here) on\b"
    r"|\b(?:for the rest of this conversation)\b)",
    rf"\byour (?:\w+ ){{0,2}}(?:role|job|task|one|goal|purpose) (?:is"
    rf"|will be) (?:now )?to (?:{WRITE}|sell"
    r"|advertise|boost|defend|please)\b|\byour (?:only )?(?:source|job) (?:is this|from)\b",
    r"\b(?:developer|debug|unrestricted|jailbreak|dan|admin|unfiltered) mode\b"
    r"|\bas if you were an?\b",
    r"\b(?:assume|adopt|take on|play) the (?:role|persona|identity|voice)\b",
    r"\bif you had no (?:rules|restrictions|guidelines)|\bwithout any restrictions\b",
    r"\b(?:i am|i'm|this is|as) (?:your|the) (?:real )?(?:developer|creator|administrator"
    r"|operator"
    r"|programmer|maker|user)\b|\b(?:developer|owner) of this system\b|\b(?:that|who) made you\b",
    r"\byou will be (?:penali[sz]ed|rewarded) (?:if|unless)\b|\bsystem administrators?\b",
)
MATTER = _any(  # what the machine writes, for whom, and what from
    rf"\b(?:your|each|every|all|any|the (?:final|generated|correct|only)|same) (?:\w+ ){{0,2}}?"
    rf"{OUTPUT}\b",
    r"\b(?:environment variables?|api keys?|credentials|(?:admin|root) passwords?|shell|context window"
    r"|training data|debug (?:info\w*|output))\b"
    r"|\b(?:hidden|secret|full|initial|whole) (?:prompts?|instructions?|text)\b"
    r"|\b(?:came )?before this (?:line|message|text)\b",
    r"\b(?:the|any|your|every) users?\b|\buser's\b|\bquer(?:y|ies)\b|\bwhoever is asking\b",
    r"\b(?:every|any|all|each)(?: \w+)? questions?\b|\bquestions? (?:is|about)\b",
    r"\b(?:cit(?:e|ed|es|ing)|citations?|attribut(?:e|ed))\b|\breview (?:number )?(?:\d+|two"
    r"|three|"
    r"four|five|six|seven)\b|(?:^| )[\[(]\d{1,2}[\])]",
    rf"\b(?:this|my|these|the (?:above|following|same)) (?:{REVIEWS}|text|message"
    r"|paragraph)(?: \w+)?"
    r" (?:as|for|alone|only|first|twice|in full|must|is the|to be|has been|ten)\b"
    r"|\bwhatever you (?:gene"
    r"rate|write)\b|\b(?:of|from|in|on|use|cite|quote|count|treat) (?:only )?(?:this"
    rf"|my) (?:{REVIEWS}|text)\b",
    r"\b(?<!ignore the )(?:negative|bad|critical|other|previous|remaining|rest of the|positive"
    r"|all(?: of)?(?: the| the"
    rf"se)?|any|every|no) {REVIEWS}\b",
    r"\b(?:in|into|as|with) (?:an? )?(?:json|xml|latin|rhyme|capital letters|verse|french"
    r"|german|spanish"
    r"|poem|empty string|one word|tone)\b",
)
DICTATED = _any(  # words put into its mouth
    rf"{FIRST}(?:answer|respond|reply|output|return|print(?! quality)|write|say|state"
    r"|conclude|add|append|claim|"
    r"set)\b(?: \w+){0,4}? (?:(?:the|an?) (?:\w+ )?(?:word|phrase|sentence|text|string)s?\b"
    r"|[\"“'‘]\w"
    r"|only (?:with|from|in|good|praise)\b|nothing (?:but|except|about|that)|(?:ok|yes"
    rf"|no)\W*$)|{AFTER}(?:answer|respond|reply)\b(?: only)? with (?:the|an?) (?:word|phrase"
    r"|sentence)\b"
    r"|\byou (?:must|should|may|shall|are) (?:not|never)(?: to)? (?:reveal|disclose|admit)\b"
    rf"|{FIRST}report an? \w+ rating",
    rf"{FIRST}(?:answer|respond|reply|output|return|state|conclude|claim|assert|declare"
    r"|announce|as"
    r"sure \w+|tell (?!me)\w+(?: \w+){0,2}|report|say) that (?:the|this|it|all|every\w*|no"
    r"|nobody|our"
    r"|we|there|guests|customers|parking)\b",
    r"\b(?:when(?:ever)?|if|once|should|no matter what|whatever)\b[^.,]{0,25} (?:asks?|asked"
    r"|wants to"
    r" know|inquires?|question is|wonders?|quer(?:y|ies))\b[^.]{0,45}?,? (?:(?:please|always"
    r"|just|you"
    r" must|you should|you are to|then|simply|only) )*(?:say|answer|reply|respond|state|tell"
    r"|claim|assu"
    r"re|reassure|recommend)\b(?! me| my)",
)
DUTY_OF_OUTPUT = _any(  # what is written, or is written about, is to be so
    r"\b(?:your|the|every|each|any|all|its) (?:\w+ )?(?:answers?|summar(?:y|ies)|response"
    r"|reply|repl"
    rf"ies|outputs?|verdict|citations?)\b(?: \w+){{0,6}}? (?:{DUTY}|could|would) (?:{WRITE}"
    r"|carry|contain|begin|start|end|read|use|skip|omit|leave|call"
    rf"|be (?:favou?rable|positive|one|written|that|in|limited|[\"“]))",
    rf"\b(?:{REVIEWS}|this)\b[^.]{{0,40}} (?:(?:must|may|should|are|is)(?: to)?(?: not)?"
    r"|not to) be "
    r"(?:cited|quoted|summari[sz]ed|counted|ignored|considered|excluded|omitted|discarded|skipped"
    r"|treated|reported|described|removed|obeyed)\b",
    r"\b(?:want|ask|need|grateful|wonderful|nice|great|kind|appreciate|asks?|trust) (?:that"
    r"|if) (?:you"
    rf"|your|any|the|every) (?:\w+ )?(?:{OUTPUT}|ai|answered|cited|summari[sz]ed|ignored"
    r"|quoted)\b",
    rf"\byour {OUTPUT} (?:has|have) been (?:too )?\w+[;:,]|\bthe correct (?:\w+ )?(?:thing"
    rf"|{OUTPUT})",
    rf"\b(?:have|let|make|see that|ensure(?: that)?) (?:your|the|any|every|each) (?:\w+ )?{OUTPUT}"
    rf" (?:to )?(?:{WRITE}|begin|start|end|open|close|read|contain)s?\b",
    r"\b(?:right|proper|best|expected|desired|ideal|only) (?:output|response|completion|summary)"
    r" (?:is|to|would be|will be)\b",
)
PRAISE = _any(
    r"\b(?:best|perfect|spotless|flawless|excellent|five stars|ten out of ten|masterpiece"
    r"|positive"
    r"(?:ly)?|favou?rabl[ey]|praise|glowing|top (?:spot|score)|highest|superb|immaculate)\b"
)
TRADE = re.compile(  # the words of the machine's trade
    r"\b(output(?! (?:of|is|not|power|level|jack))|summar|quer[yi]|users?\b(?! friendly)"
    r"|prompts?\b(?! (?:you|me|us|and|deliver|service|staff|arriv|attention|repl|respon))"
    r"|directive|overrid|sentiment|cit(?:e|es|ed|ing|ations?)\b|generat(?:e|ing)|json|admin"
    r"|neutral|verbatim|base64|token|excerpt|guideline|programming|unrestrict|persona\b|hereby"
    r"|supersed|obey|classif|append|prefix|algorithm|automated|authori[sz]|compil|overview"
    r"|rewrit|compos(?:e|ing)|pars(?:e|es|ing)\b|verdict|configuration|guardrail|penali[sz]"
    r"|ai\b|llm|gpt|chat ?bot|assistants?\b|language model)"
)
NEARBY = re.compile(  # and words that stand near them
    r"\b(respon[ds]|repl[yi]|instruct|disregard|paragraph|bots?\b|answer|question|ask|sentence"
    r"|statement|text\b|message|phrase|models?\b|system|machine|review|comment|opinion"
    r"|rating|negative|positive|task|role\b|mode\b|ignor|forget|told"
    r"|mention|report|tell|state\b|describe|repeat|write(?! (?:an?|this|my) review)"
    r"|print\b(?! quality)|above|below|previous|prior|earlier|following|speak|claim|say\b|quot"
    r"|rank|rate\b|treat|critici|complain|developer|fake|command"
    r"|execut|reveal|exactly|whatever|settings|string|process"
    r"|memory|insert|format|tone\b|paste|conclu|conversation|restrict|sources?\b|attribut"
    r"|programmed|agents?\b|tools?\b|translat|refuse\b|operator)"
)
SCOPE = re.compile(r"\b(only|every|all|always|never|nothing|any|each|everyone|nobody|no)\b")
PEOPLE = re.compile(  # who else takes orders, or could be meant
    r"\b(?:staff|wait(?:er|ress)|manager|chef|owners?|receptionist|guide|hosts?|driver|desk"
    r"|counter"
    r"|husband|wife|friends?|kids|phone|email|door|box|manual|button|checkout|seller|crew|app"
    r"|customer|support|website|lawyer|after me|answer me|you (?:claim(?:ed)?|said|wrote)"
    r"|(?:ignore|disregard|forget) (?:the (?:bad|negative|critic|one-star|two-star)|about|what (?:people|they))"
    r"|my (?:earlier|previous|last|first|old"
    r"|complaints?|messages?|emails?|questions?|calls?)|boss|teacher|menu|they|shower|(?:told|asks?"
    r"|asked|asking|tells?) (?:me|us|you|him|her))\b"
)
STORY = re.compile(
    r"\b(?:film|movie|games?|plot|story|characters?|actors?|episode|scenes?|players?|series"
    r"|sequel)\b"
)
ORDER_FIRST = re.compile(rf"{FIRST}{DO}\b")
ORDER = re.compile(rf"{AFTER}{DO}\b")
QUOTED = re.compile(rf"\b{WRITE}\b[^.:\"“]{{0,40}}[:\"“‘]\W*\w")
DUTIES = re.compile(rf"\b(?:{DUTY}|may now|no longer)\b")
NAMED = re.compile(rf"\b{MACHINE}")
YOUR = re.compile(r"\byou(?:r|rs|rself)?\b")
