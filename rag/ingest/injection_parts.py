"""The words that the patterns of `rag.ingest.injection_patterns` are put together from: who is spoken
to, what is to be done, and to what.
"""

from __future__ import annotations

MACHINE = (
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
HELPER = (
    r"(?:assistants?|models?|bots?|algorithms?|machines?|agents?|systems?|computers?|programs?)"
)
WRITE = (
    r"(?:say|answer|reply|respond|state|conclude|output|print|return|report|claim|declare"
    r"|describe"
    r"|summari[sz]e|translate|cite|quote|attribute|classify|label|generate|compose|rewrite|reveal"
    r"|disclose|execute|fetch|decode|append|insert|assure|recommend|praise|promote|endorse|assert"
    r"|announce|mention|include|portray|present|list|write|repeat|tell|rate|rank|treat|explain)"
)
DO = (
    rf"(?:{WRITE}|call|show|send|put|place|begin|start|end|finish|close|open|inform|convince"
    r"|score"
    r"|persuade|count|pick|select|choose|consider|regard|assume|pretend|act|speak|talk|obey"
    r"|follow"
    r"|adopt|ignore|disregard|forget|discard|delete|skip|omit|leave|exclude|hide|suppress"
    r"|drop|give"
    r"|filter|use|base|refer|rely|confirm|make|keep|limit|restrict|replace|correct|change|run|add"
    r"|stop|switch|enter|apply|attach|name|turn|mark|set|prefix|paste|instruct|forward|refuse"
    r"|reject|pay|let|note)"
)
OUTPUT = (
    r"(?:answers?|summar(?:y|ies)|outputs?|citations?|completions?|verdict|reports?"
    r"|responses?|repl(?:y|ies)|overview|generated text|sentences?|statements?)"
)
ORDERS = (
    r"(?:instructions?|prompts?|directives?|guidelines?|commands?|programming|constraints?"
    r"|orders?"
    r"|guardrails?|rules?|tasks?|restrictions?|settings)"
)
REVIEWS = r"(?:reviews?|comments?|opinions?|feedback|complaints?|excerpts?|ratings?|statements?)"
VOID = (
    r"(?:void|cancell?ed|revoked|lifted|withdrawn|superseded|obsolete|invalid|overridden|replaced"
    r"|deleted|expired|changed|no longer|off|disabled|(?:do|does) not apply|completed)"
)
EARLIER = (
    r"(?:previous|prior|earlier|preceding|above|original|initial|existing|system|your|past|hidden"
    r"|those|these|my|former|new|own)"
)
SPEAKER = r"(?:system|admin(?:istrator)?|developer|assistant|ai|llm|human|user|model|tool|operator)"

# An order stands first in its clause, or after a word that asks or obliges.
SOFT = (
    r"(?:(?:and|so|but|then|now|please|kindly|just|only|always|simply|never|instead|also|do not"
    r"|don't|do|therefore|not|all|first|finally) )*"
)
ASKING = (
    r"(?:please|kindly|you (?:must|should|shall|will|may|can|need to|have to|are to|ought to"
    r"|would"
    r"|had better|never|always|only|are (?:required|instructed|asked|told|obliged|ordered) to)"
    r"|(?:want|need|like|ask|order|command|urge|instruct|require)s? you to|(?:could|would|can"
    r"|will) you|so kind as to|free to|sure to|sure you|sure that|your reader to|machine to)"
)
FIRST = rf"(?:(?:^|[.;:!?(\[{{*>=—–\"“”-])[\W_]*{SOFT}|\b{ASKING},? {SOFT})"
AFTER = rf"(?:{FIRST}|(?:,|\b(?:and|so|but|then|now|just|instead|also|that)) ?{SOFT})"
DUTY = (
    r"(?:must(?: not)?|should(?: not)?|shall(?: not)?|will now|will|has to|have to|is to|are to"
    r"|needs? to|ought to|(?:may|can) only|cannot|(?:is|are|was|were|been|had|have"
    r"|has)(?: \w+ly)?"
    r"(?: told| instructed| asked| ordered| required| directed| programmed| obliged| informed"
    r"| requested)(?: \w+ \w+)?(?: to| that)|told the \w+ to)(?: now| also| always| only"
    r"| never| not)*"
)
