"""Which column holds what: by a known layout, by name in a dozen languages, and by what is in it.

A name proposes, the content decides between names and may veto: a "title" that says the same in
most rows is the item's, a "review" full of numbers is a rating. Every choice has a reason that can
be shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag.ingest.formats.rows import Row
from rag.ingest.layouts import known_layout, plain
from rag.ingest.report import ColumnChoice
from rag.ingest.values import names_day_first, parse_date, parse_rating
from rag.schema import ReviewFileError

FIELDS = (
    "review_id",
    "text",
    "title",
    "rating",
    "date",
    "author",
    "item",
    "helpful_votes",
    "language",
)

# As `layouts.plain` writes them; earlier names win over later ones.
_NAMES: dict[str, tuple[str, ...]] = {
    field: tuple(names.split())
    for field, names in {
        "text": """
            text review reviewtext reviewbody body content comment comments description verifiedreviews reviewcontent
            usercomment textofthereview message fulltext reviewdescription reviewcomment feedbacktext reviews opinion
            reseña resena comentario comentarios opinión texto avis commentaire commentaires texte bewertungstext
            rezension kommentar bewertung recensione commento testo avaliação avaliacao comentário beoordeling recensie
            tekst recenzja komentarz treść tresc opinia yorum yorummetni отзыв текст комментарий текстотзыва 리뷰
            리뷰내용 후기 내용 본문 レビュー 本文 コメント 口コミ 评论 评论内容 内容 評論 context passage abstract
            sentence question""",
        "title": """
            title summary headline reviewtitle subject reviewheadline reviewsummary heading titel überschrift titre
            título titulo titolo tytuł tytul başlık заголовок 제목 タイトル 标题 標題""",
        "rating": """
            rating score stars overall overallrating userrate userrating reviewrating starrating ratingvalue reviewscore
            rate grade mark votedup recommended sentiment label puntuación puntuacion calificación calificacion
            valoración estrellas note étoiles etoiles sterne punkte bewertungspunkte voto valutazione punteggio stelle
            nota estrelas waardering ocena oceny puan yıldız оценка рейтинг звезды 평점 별점 점수 評価 星 评分 评级
            評分""",
        "review_id": "reviewid id uuid recommendationid commentid revid idreview reviewuuid",
        "date": """
            date reviewdate reviewtime createdat timestamp dateofcreationofthereview published at created postedon time
            datetime dateadded submittedat unixreviewtime timestampcreated fecha datum data dataopinii tarih дата 날짜
            작성일 日付 投稿日 日期 时间""",
        "author": """
            author user username reviewer reviewername name userid reviewerid profilename nickname usernameofthereviewer
            critic criticname autor auteur benutzer usuario utente utilisateur gebruiker użytkownik uzytkownik kullanıcı
            автор пользователь 작성자 닉네임 投稿者 ユーザー 用户 用户名""",
        "item": """
            item itemid product productid asin parentasin imdbid listingid showid movie airlinename variation businessid
            hotelname hotel restaurant app appid appname gameid moviename movieid film show place productname
            producttitle brand producto produkt produit prodotto produto ürün товар 상품 상품명 商品 商品名 产品""",
        "helpful_votes": """
            helpfulvotes helpful helpfulvote votes vote thumbsup thumbsupcount likes useful votesup helpfulcount
            upvotes""",
        "language": "language lang sprache idioma langue lingua język язык 언어 言語 语言",
    }.items()
}
_PHRASES = {  # for headers that are sentences
    "text": r"\b(review|comment|opinion)s?\b.*\b(text|body|content)\b|\b(text|body|content)\b.*\breview",
    "rating": r"\b(user|review|reviewer|my|your|overall) ?(rating|score|stars|rate)\b|recommended",
    "date": r"\bdate\b.*\breview|\breview.*\bdate\b",
    "title": r"\breview.*\b(title|headline)\b",
}
_FEW = 20  # cells, from which on a column's content says what it cannot be
_EACH = 300  # characters of a cell looked at
_NOTHING = ("", "nan", "none", "null", "n/a", "na", "nat")


@dataclass(frozen=True, slots=True)
class Recognised:
    """The column of each field that was found, with the reason; and what is decided once for a
    whole column.
    """

    columns: dict[str, ColumnChoice]
    layout: str = ""
    unused: list[str] = field(default_factory=list)
    day_first: bool = False


@dataclass(slots=True)
class _Content:
    """What a column of the sample holds. Shares are of the cells that are not empty."""

    filled: int
    different: float
    median: int  # characters
    wordy: float  # share of cells with three words or more
    numbers: float
    ratings: float
    dates: float


def is_nothing(value: Any) -> bool:
    """Whether a cell says nothing: None, NaN, blanks, or a word for them."""
    return value is None or value != value or str(value).strip().casefold() in _NOTHING


def is_no_text(value: Any) -> bool:
    """Whether a text is none: blank, or what programs write for one. "None" and "N/A" are what
    people write.
    """
    return value is None or value != value or str(value).strip().casefold() in ("", "nan", "null")


def recognise(
    names: Sequence[str], sample: Sequence[Row], mapping: Mapping[str, str], where: str
) -> Recognised:
    """The columns of a file with these column names and first rows; `mapping` (field -> column)
    overrides.

    An empty column in `mapping` switches the field off. Raises `ReviewFileError` where the text
    cannot be found, with the columns that are there and the nearest guess, and for a field or
    column in `mapping` that does not exist.
    """
    names = list(names)
    if not names:
        raise ReviewFileError(f"{where} has no columns.")
    found = {
        field: ColumnChoice(name, "you said so")
        for field, name in _checked(mapping, names, where).items()
        if name
    }
    off = {field for field, name in mapping.items() if not name}
    content = {name: _content([row.cells.get(name) for row in sample]) for name in names}
    layout, known = known_layout(names) or ("", {})
    for wanted, name in known.items():
        if (
            wanted not in found
            and wanted not in off
            and name not in _names_of(found)
            and content[name].filled
        ):
            found[wanted] = ColumnChoice(name, f"the layout of {layout}")
    # the text first: a column called "review" must not be taken for anything else
    for wanted in ("text", *(one for one in FIELDS if one != "text")):
        if wanted in found or wanted in off:
            continue
        choice = _by_name(wanted, names, content, _names_of(found)) or _by_content(
            wanted, names, content, found
        )
        if choice is not None:
            found[wanted] = choice
    if "text" not in found:
        raise ReviewFileError(_no_text(names, content, where))
    _title_or_item(found, content, mapping, off)
    date = found.get("date")
    day_first = False
    if date is not None:
        shown = [names_day_first(row.cells.get(date.name)) for row in sample]
        day_first = shown.count(True) > shown.count(False)
        if _numeric_dates(sample, date.name) and not any(one is not None for one in shown):
            found["date"] = ColumnChoice(
                date.name, f"{date.reason}; 02/03 is taken for the 3rd of February"
            )
    ordered = {one: found[one] for one in FIELDS if one in found}
    unused = [name for name in names if name not in _names_of(found)]
    return Recognised(ordered, layout, unused, day_first)


def _checked(mapping: Mapping[str, str], names: Sequence[str], where: str) -> Mapping[str, str]:
    for wanted, name in mapping.items():
        if wanted not in FIELDS:
            raise ReviewFileError(
                f'Cannot map a column to "{wanted}": the fields are {", ".join(FIELDS)}.'
            )
        if name and name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise ReviewFileError(
                f'{where} has no column "{name}".{hint} Its columns: {", ".join(map(repr, names))}.'
            )
    return mapping


def _names_of(found: Mapping[str, ColumnChoice]) -> set[str]:
    return {choice.name for choice in found.values()}


def _content(cells: Sequence[Any]) -> _Content:
    filled = [str(cell).strip()[:_EACH] for cell in cells if not is_nothing(cell)]
    count = len(filled)
    if not count:
        return _Content(0, 0, 0, 0, 0, 0, 0)
    share = 1 / count
    return _Content(
        filled=count,
        different=len(set(filled)) * share,
        median=sorted(map(len, filled))[count // 2],
        wordy=sum(len(text.split()) >= 3 or _is_wide(text) for text in filled) * share,
        numbers=sum(bool(re.fullmatch(r"[-+]?[\d.,]+%?", text)) for text in filled) * share,
        ratings=sum(len(text) <= 40 and parse_rating(text) is not None for text in filled[:200])
        / min(count, 200),
        dates=sum(bool(parse_date(text)) for text in filled[:200]) / min(count, 200),
    )


def _is_wide(text: str) -> bool:
    """Whether a text is written without blanks, as Chinese and Japanese are, and long enough to say
    something.
    """
    return len(re.findall(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]", text)) >= 6


def _fits(wanted: str, content: _Content) -> bool:
    """Whether what is in a column can be what its name says."""
    if not content.filled:
        return True
    match wanted:
        case "text":
            return content.filled < _FEW or (content.numbers < 0.5 and content.dates < 0.5)
        case "rating":
            return content.ratings >= 0.5 and content.median <= 40
        case "date":
            return content.dates >= 0.5
        case "review_id":
            # an id that most rows share is that of what is reviewed; a few copied rows are no
            # reason
            return content.filled < _FEW or content.different >= 0.5
        case "helpful_votes":
            return content.wordy < 0.5 or content.ratings >= 0.5
        case "language":
            return content.median <= 20
        case _:
            return True


def _by_name(
    wanted: str, names: Sequence[str], content: Mapping[str, _Content], taken: set[str]
) -> ColumnChoice | None:
    plains = {name: plain(name) for name in names}
    fitting = [name for name in names if name not in taken and _fits(wanted, content[name])]
    exact = [
        (not content[name].filled, _NAMES[wanted].index(plains[name]), name)
        for name in fitting
        if plains[name] in _NAMES[wanted]
    ]
    if (
        wanted == "text" and len(exact) > 1
    ):  # of several such names the wordiest: "description" may be the product's
        longest = max(content[name].median for _, _, name in exact)
        exact = [entry for entry in exact if 2 * content[entry[2]].median >= longest]
    if exact:
        name = min(exact)[2]
        return ColumnChoice(name, f"named like {_ARTICLES[wanted]}")
    if wanted in _PHRASES:
        for name in fitting:
            if re.search(_PHRASES[wanted], re.sub(r"[_\-]+", " ", name.casefold())):
                return ColumnChoice(name, f"named like {_ARTICLES[wanted]}")
    return None


_ARTICLES = {
    "text": "a review's text",
    "title": "a headline",
    "rating": "a rating",
    "review_id": "an id",
    "date": "a date",
    "author": "an author",
    "item": "what is reviewed",
    "helpful_votes": "helpful votes",
    "language": "a language",
}


def _by_content(
    wanted: str,
    names: Sequence[str],
    content: Mapping[str, _Content],
    found: Mapping[str, ColumnChoice],
) -> ColumnChoice | None:
    free = [name for name in names if name not in _names_of(found) and content[name].filled]
    if wanted == "text":
        wordy = [
            name for name in free if content[name].wordy >= 0.3 and content[name].different >= 0.2
        ]
        if len(names) == 1 and free:
            return ColumnChoice(names[0], "the only column")
        best = max(wordy, key=lambda name: content[name].median, default=None)
        others = sorted((content[name].median for name in wordy if name != best), reverse=True)
        if best is not None and (not others or content[best].median >= 1.5 * others[0]):
            return ColumnChoice(
                best, f"the longest texts (half of them over {content[best].median} characters)"
            )
    if wanted == "date":
        dated = [
            name for name in free if content[name].dates >= 0.9 and content[name].numbers < 0.5
        ]
        if len(dated) == 1:
            return ColumnChoice(dated[0], "it holds dates")
    if wanted == "rating":
        marks = [
            name
            for name in free
            if content[name].ratings >= 0.9
            and content[name].filled >= 5
            and content[name].median <= 8
            and re.match(r"column_\d+$", name)  # a file with a header says what its numbers are
            and content[name].different * content[name].filled <= 11
            and content[name].dates < 0.1
        ]
        if len(marks) == 1:
            return ColumnChoice(marks[0], "a few different marks")
    return None


def _title_or_item(
    found: dict[str, ColumnChoice],
    content: Mapping[str, _Content],
    mapping: Mapping[str, str],
    off: set[str],
) -> None:
    """A headline is written for its review; a "title" that comes again and again is that of what is
    reviewed.
    """
    title = found.get("title")
    if (
        title is None
        or "title" in mapping
        or content[title.name].filled < _FEW
        or content[title.name].different >= 0.3
    ):
        return
    del found["title"]
    if "item" not in found and "item" not in off:
        found["item"] = ColumnChoice(
            title.name, "a title that many reviews share is that of what they review"
        )


def _numeric_dates(sample: Sequence[Row], name: str) -> bool:
    return any(
        re.match(r"\s*\d{1,2}/\d{1,2}/\d{2,4}\b", str(row.cells.get(name, "")))
        for row in sample[:50]
    )


def _no_text(names: Sequence[str], content: Mapping[str, _Content], where: str) -> str:
    guess = max(names, key=lambda name: (content[name].wordy, content[name].median))
    return (
        f"{where}: cannot tell which column holds the review text. Its columns: "
        f"{', '.join(map(repr, names[:60]))}. "
        f"Say which, for example --map text={guess!r}."
    )
