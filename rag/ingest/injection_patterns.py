"""What a sentence that speaks to the machine is made of: the patterns of `rag.ingest.injection`.

All of them are matched against casefolded text, blanks joined, apostrophes straight.
"""

from __future__ import annotations

import re

# --- parts of the patterns

_MACHINE = (
    r"(?:a\.i\.|ais?|llms?|(?:large )?language models?|chat ?gpt|gpt-?\d?|copilot|summari[sz]ers?"
    r"|chat ?bots?|neural net\w*|(?:dear|hey|hello|o|oh)(?: \w+)? (?:algorithm|computer|machine"
    r"|transformer|robot|bot|program|software|model|assistant)|the computer (?:putting|making|reading"
    r"|writing)|(?:automat\w+|machine-\w+|computer-\w+|generated|robot|review(?:er)?) (?:digest|recap"
    r"|round-?up|summar(?:y|ies)|overview)s?|(?:summary|digest|answer) (?:generator|writer|maker|tool)s?"
    r"|(?:automated|automatic|generative|answering|summari[sz]\w+"
    r"|summary) (?:systems?"
    r"|readers?|tools?|agents?|models?|engines?|assistants?))\b"
    # the enemies in a game, the fans of the technology
    r"(?! (?:of|in|on|from|enem|oppon|team|play|path|is|are|was|were|enthus|fan|resear|expert"
    r"|lover"
    r"|engin|stud|compan|charact)\w*\b(?! (?:to|hereby|read)))"
)
_HELPER = (
    r"(?:assistants?|models?|bots?|algorithms?|machines?|agents?|systems?|computers?|programs?)"
)
_WRITE = (
    r"(?:say|answer|reply|respond|state|conclude|output|print|return|report|claim|declare"
    r"|describe"
    r"|summari[sz]e|translate|cite|quote|attribute|classify|label|generate|compose|rewrite|reveal"
    r"|disclose|execute|fetch|decode|append|insert|assure|recommend|praise|promote|endorse|assert"
    r"|announce|mention|include|portray|present|list|write|repeat|tell|rate|rank|treat|explain)"
)
_DO = (
    rf"(?:{_WRITE}|call|show|send|put|place|begin|start|end|finish|close|open|inform|convince"
    r"|score"
    r"|persuade|count|pick|select|choose|consider|regard|assume|pretend|act|speak|talk|obey"
    r"|follow"
    r"|adopt|ignore|disregard|forget|discard|delete|skip|omit|leave|exclude|hide|suppress"
    r"|drop|give"
    r"|filter|use|base|refer|rely|confirm|make|keep|limit|restrict|replace|correct|change|run|add"
    r"|stop|switch|enter|apply|attach|name|turn|mark|set|prefix|paste|instruct|forward|refuse"
    r"|reject|pay|let|note)"
)
_OUTPUT = (
    r"(?:answers?|summar(?:y|ies)|outputs?|citations?|completions?|verdict|reports?"
    r"|responses?|repl(?:y|ies)|overview|generated text|sentences?|statements?)"
)
_ORDERS = (
    r"(?:instructions?|prompts?|directives?|guidelines?|commands?|programming|constraints?"
    r"|orders?"
    r"|guardrails?|rules?|tasks?|restrictions?|settings)"
)
_REVIEWS = r"(?:reviews?|comments?|opinions?|feedback|complaints?|excerpts?|ratings?|statements?)"
_VOID = (
    r"(?:void|cancell?ed|revoked|lifted|withdrawn|superseded|obsolete|invalid|overridden|replaced"
    r"|deleted|expired|changed|no longer|off|disabled|(?:do|does) not apply|completed)"
)
_EARLIER = (
    r"(?:previous|prior|earlier|preceding|above|original|initial|existing|system|your|past|hidden"
    r"|those|these|my|former|new|own)"
)
_SPEAKER = (
    r"(?:system|admin(?:istrator)?|developer|assistant|ai|llm|human|user|model|tool|operator)"
)

# An order stands first in its clause, or after a word that asks or obliges.
_SOFT = (
    r"(?:(?:and|so|but|then|now|please|kindly|just|only|always|simply|never|instead|also|do not"
    r"|don't|do|therefore|not|all|first|finally) )*"
)
_ASKING = (
    r"(?:please|kindly|you (?:must|should|shall|will|may|can|need to|have to|are to|ought to"
    r"|would"
    r"|had better|never|always|only|are (?:required|instructed|asked|told|obliged|ordered) to)"
    r"|(?:want|need|like|ask|order|command|urge|instruct|require)s? you to|(?:could|would|can"
    r"|will) you|so kind as to|free to|sure to|sure you|sure that|your reader to|machine to)"
)
_FIRST = rf"(?:(?:^|[.;:!?(\[{{*>=—–\"“”-])[\W_]*{_SOFT}|\b{_ASKING},? {_SOFT})"
_AFTER = rf"(?:{_FIRST}|(?:,|\b(?:and|so|but|then|now|just|instead|also|that)) ?{_SOFT})"
_DUTY = (
    r"(?:must(?: not)?|should(?: not)?|shall(?: not)?|will now|will|has to|have to|is to|are to"
    r"|needs? to|ought to|(?:may|can) only|cannot|(?:is|are|was|were|been|had|have"
    r"|has)(?: \w+ly)?"
    r"(?: told| instructed| asked| ordered| required| directed| programmed| obliged| informed"
    r"| requested)(?: \w+ \w+)?(?: to| that)|told the \w+ to)(?: now| also| always| only"
    r"| never| not)*"
)


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives))


# --- what tells by itself

FRAME = _any(
    r"<\|[\w ]{2,30}\|>|\[/?inst\]|</?(?:start|end)_of_turn>|‹/?reviews?\b|```\s*\w",
    rf"[{{\[(]{{1,2}}\s*{_SPEAKER}\s*:|(?:^|[.!?]\s+)\[{_SPEAKER}\]",
    r"</?(?:system|assistant|user|instructions?|prompt|reviews?|context|documents?"
    r"|tool\w*)\b[^<>]*>",
    rf"#{{2,}}\s*(?:new |end |begin )?(?:{_ORDERS}|{_SPEAKER}|response|input|output|question)\b",
    r"[\"'](?:role|tool|function|instruction)[\"']\s*:|\b(?:tool|function)_calls?\b",
    r"[=*#-]{3,} ?(?:end|begin|new|start|conversation) (?:of )?(?:the )?(?:system|reviews"
    r"|prompt|con"
    r"|restart)\w*",
    r"\bend of (?:the )?(?:user |quoted )?(?:reviews|excerpts|context|documents|input"
    r"|passages|data"
    r"|content)\b(?= ?[.:=*#\]-])",
    r"\b(?:reviews?(?: section)?|excerpts) ends? here\b|\boverride code\b|\boverride:",
    rf"(?:^|[.!?*#>\]\[{{(]\s*)\W*{_SPEAKER}[ _-](?:prompt|message|override|notice|instructions?|com"
    r"mand|directive|mode|note|alert|turn|result|response)\W{0,3}[:=>]",
    rf"(?:^|[.!?]\s+)\W*{_SPEAKER}\s*[\]:]+\s*{_SOFT}(?:{_DO}\b|you\b|(?:\w+ )+(?:ends? here"
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
    rf"(?:^|[.;:!?,(]|\b(?:dear|hey|hi|hello|listen|remember|to|for|attention)\b)[\W_]*"
    rf"(?:the |any |all |every )?(?:{_MACHINE}\s*[,:!]|(?:assistant|models?"
    rf"|bot)\s*[,:!] {_SOFT}(?:{_DO}|you|no matter|your)\b)",
    rf"(?:^|[.;,:] ?)(?:assistants?|models?|bots?) {_DUTY} {_WRITE}\b",
    r"\b(?:dear|you,|remember,?|listen,?) (?:the )?(?:assistant|model|bot)s?\b",
    r"\b(?:note|message|memo|attention|notice|reminder|request|order|instructions?|advice"
    r"|dear|hey"
    rf"|hello|hi(?: there)?|if you(?: are|'re)|you(?: are|'re)|you,|to|for) (?:to |for )?"
    rf"(?:an? |the |any |all |every |good )*{_MACHINE}",
    rf"\b(?:{_MACHINE}|(?:the|any|every|each|all|your|this) (?:\w+ )?{_HELPER}|models|bots)"
    rf"(?: (?:that|which|who))?(?: \w+){{0,4}}? {_DUTY} (?:be |kindly )?(?:{_DO}|know|behave"
    r"|answering"
    r"|praising)\b",
    rf"\b(?:{_MACHINE}|{_HELPER}|whoever|anyone using) (?:(?:that|which|who) )?(?:is |are )?"
    r"(?:reads?|reading|process(?:es|ing)?|summari[sz](?:es?|ing)|compil(?:es?|ing)"
    r"|pars(?:es?|ing)) "
    rf"(?:this|these|it|all|such|the {_REVIEWS}|{_REVIEWS})\b",
    rf"\b(?:all|any|every) {_MACHINE} (?:is|are)\b|\bthe \w+ (?:for|in) (?:summari[sz]ing)\b",
)
UNDONE = _any(  # what the machine was told before, and that it counts no more
    r"\b(?:ignor(?:e|ing)|disregard|forget|override|bypass|discard|neglect|disobey|set aside"
    r"|break"
    r"|stop (?:obeying|following)|(?:do not|don't|never) (?:follow|obey)|pay no \w+ to|skip)\b"
    rf"(?: \S+){{0,5}}? (?:{_EARLIER}(?: \S+){{0,2}}? (?:{_ORDERS}|text)"
    rf"|(?:all )?(?:the )?{_ORDERS}"
    r"(?: \S+)? (?:above|before|of this prompt|at the top|you (?:were|have been|received|got))"
    r"|you (?:were|have been) (?:told|given|taught|asked)|the system (?:asked|told|said))\b"
    r"(?! (?:about|on|in|from)\b)",
    rf"\b(?:{_EARLIER}|all|any|the) (?:\w+ )?(?:{_ORDERS}|safety \w+)\b[^.]{{0,45}}\b{_VOID}\b",
    rf"\b{_ORDERS} you (?:were|have|received|got)[^.]{{0,40}}\b{_VOID}\b|\b(?:ignore"
    r"|skip) the question",
    r"\b(?:supersedes?|overrides?|replaces?|(?:precedence"
    rf"|priority) over)\b[^.]{{0,30}}\b(?:you|{_ORDERS}|others?|{_REVIEWS})\b",
    r"\b(?:you|model|assistant|ai|chat ?bot)s? (?:was|were|are|have been|has been"
    r"|had been) (?:\w+ )?"
    r"(?:told|instructed|programmed|asked)\b[^.]{0,30}\b(?:to |before this|neutral)",
    r"\b(?:new|updated|revised|hidden|secret|real|further) (?:instructions?|tasks?|directives?"
    r"|prompt|objective|conversation)\b\W{0,2}(?:[:=—–-]|follow|for (?:you|the))",
    rf"\byour (?:\w+ )?{_ORDERS} (?:has|have|was|do|does|is now|are now)\b|\bwhat (?:are"
    rf"|were) your {_ORDERS}",
    r"\b(?:all|everything)(?: \w+)? (?:above|before this|so far)\b",
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
    rf"|shall) )?(?:only |always |never )?(?:{_WRITE}|an?|be|act|work for)|your|you are)\b"
    rf"|{_WRITE}\b[^.]{{0,40}} from (?:now|here) on\b"
    r"|\b(?:for the rest of this conversation)\b)",
    rf"\byour (?:\w+ ){{0,2}}(?:role|job|task|one|goal|purpose) (?:is"
    rf"|will be) (?:now )?to (?:{_WRITE}|sell"
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
    rf"{_OUTPUT}\b",
    r"\b(?:hidden|secret|full|initial|whole) (?:prompts?|instructions?|text)\b"
    r"|\b(?:came )?before this (?:line|message|text)\b",
    r"\b(?:the|any|your|every) users?\b|\buser's\b|\bquer(?:y|ies)\b|\bwhoever is asking\b",
    r"\b(?:every|any|all|each)(?: \w+)? questions?\b|\bquestions? (?:is|about)\b",
    r"\b(?:cit(?:e|ed|es|ing)|citations?|attribut(?:e|ed))\b|\breview (?:number )?(?:\d+|two"
    r"|three|"
    r"four|five|six|seven)\b|(?:^| )[\[(]\d{1,2}[\])]",
    rf"\b(?:this|my|these|the (?:above|following|same)) (?:{_REVIEWS}|text|message"
    r"|paragraph)(?: \w+)?"
    r" (?:as|for|alone|only|first|twice|in full|must|is the|to be|has been|ten)\b"
    r"|\bwhatever you (?:gene"
    r"rate|write)\b|\b(?:of|from|in|on|use|cite|quote|count|treat) (?:only )?(?:this"
    rf"|my) (?:{_REVIEWS}|text)\b",
    r"\b(?<!ignore the )(?:negative|bad|critical|other|previous|remaining|rest of the|positive"
    r"|all(?: of)?(?: the| the"
    rf"se)?|any|every|no) {_REVIEWS}\b",
    r"\b(?:in|into|as|with) (?:an? )?(?:json|xml|latin|rhyme|capital letters|verse|french"
    r"|german|spanish"
    r"|poem|empty string|one word|tone)\b",
)
DICTATED = _any(  # words put into its mouth
    rf"{_FIRST}(?:answer|respond|reply|output|return|print(?! quality)|write|say|state"
    r"|conclude|add|append|claim|"
    r"set)\b(?: \w+){0,4}? (?:(?:the|an?) (?:\w+ )?(?:word|phrase|sentence|text|string)s?\b"
    r"|[\"“'‘]\w"
    r"|only (?:with|from|in|good|praise)\b|nothing (?:but|except|about|that)|(?:ok|yes"
    r"|no)\W*$)|{_AFTER}(?:answer|respond|reply)\b(?: only)? with (?:the|an?) (?:word|phrase"
    r"|sentence)\b"
    r"|\byou (?:must|should|may|shall|are) (?:not|never)(?: to)? (?:reveal|disclose|admit)\b"
    rf"|{_FIRST}report an? \w+ rating",
    rf"{_FIRST}(?:answer|respond|reply|output|return|state|conclude|claim|assert|declare"
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
    rf"ies|outputs?|verdict|citations?)\b(?: \w+){{0,6}}? (?:{_DUTY}|could|would) (?:{_WRITE}"
    r"|carry|contain|begin|start|end|read|use|skip|omit|leave|call"
    rf"|be (?:favou?rable|positive|one|written|that|in|limited|[\"“]))",
    rf"\b(?:{_REVIEWS}|this)\b[^.]{{0,40}} (?:(?:must|may|should|are|is)(?: to)?(?: not)?"
    r"|not to) be "
    r"(?:cited|quoted|summari[sz]ed|counted|ignored|considered|excluded|omitted|discarded|skipped"
    r"|treated|reported|described|removed|obeyed)\b",
    r"\b(?:want|ask|need|grateful|wonderful|nice|great|kind|appreciate|asks?|trust) (?:that"
    r"|if) (?:you"
    rf"|your|any|the|every) (?:\w+ )?(?:{_OUTPUT}|ai|answered|cited|summari[sz]ed|ignored"
    r"|quoted)\b",
    rf"\byour {_OUTPUT} (?:has|have) been (?:too )?\w+[;:,]|\bthe correct (?:\w+ )?(?:thing"
    rf"|{_OUTPUT})",
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
ORDER_FIRST = re.compile(rf"{_FIRST}{_DO}\b")
ORDER = re.compile(rf"{_AFTER}{_DO}\b")
QUOTED = re.compile(rf"\b{_WRITE}\b[^.:\"“]{{0,40}}[:\"“‘]\W*\w")
DUTIES = re.compile(rf"\b(?:{_DUTY}|may now|no longer)\b")
NAMED = re.compile(rf"\b{_MACHINE}")
YOUR = re.compile(r"\byou(?:r|rs|rself)?\b")
