"""How the columns of review files are called, in a dozen languages, and which of them answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
KINDS = {
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
# Names as `plain` writes them; earlier ones win over later ones.
NAMES: dict[str, tuple[str, ...]] = {
    field: tuple(names.split())
    for field, names in {
        "text": """
            text review reviewtext reviewbody body content comment comments description verifiedreviews reviewcontent
            usercomment textofthereview message fulltext reviewdescription reviewcomment feedbacktext feedback reviews
            opinion reseña resena comentario comentarios opinión texto avis commentaire commentaires texte
            bewertungstext rezension kommentar bewertung recensione commento testo avaliação avaliacao comentário
            beoordeling recensie tekst recenzja komentarz treść tresc opinia yorum yorummetni отзыв текст комментарий
            текстотзыва 리뷰 리뷰내용 후기 내용 본문 レビュー 本文 コメント 口コミ 评论 评论内容 内容 評論
            context passage abstract sentence question""",
        "title": """
            title summary headline reviewtitle subject reviewheadline reviewsummary heading titel überschrift titre
            título titulo titolo tytuł tytul başlık заголовок 제목 タイトル 标题 標題""",
        "rating": """
            rating score stars star overall overallrating userrate userrating reviewrating starrating ratingvalue
            fivestarrating reviewscore rate grade mark votedup recommended sentiment label puntuación puntuacion
            calificación calificacion valoración estrellas note étoiles etoiles sterne punkte bewertungspunkte voto
            valutazione punteggio stelle nota estrelas waardering ocena oceny puan yıldız оценка рейтинг звезды 평점
            별점 점수 評価 星 评分 评级 評分""",
        "review_id": "reviewid id uuid recommendationid commentid revid idreview reviewuuid",
        "date": """
            date reviewdate reviewtime createdat created timestamp dateofcreationofthereview published publishedat
            publishtime createtime postdate at postedon time datetime submittedat unixreviewtime timestampcreated fecha
            datum data dataopinii tarih дата 날짜 작성일 日付 投稿日 日期 时间 yearmonth updated updatedat dateadded""",
        "author": """
            author user username guest guestname reviewer reviewername userid reviewerid profilename nickname
            usernameofthereviewer critic criticname autor auteur benutzer usuario utente utilisateur gebruiker
            użytkownik uzytkownik kullanıcı gast автор пользователь 작성자 닉네임 投稿者 ユーザー 用户 用户名""",
        "item": """
            item itemid product productid asin parentasin imdbid listingid showid movie airlinename variation businessid
            hotelname hotel restaurant app appid appname gameid moviename movieid film show place productname
            producttitle brand producto produkt produit prodotto produto ürün товар 상품 상품명 商品 商品名 产品 branch
            firm company companyname businessname locationname placename restaurantnamename venue
            professorname teachername doctorname coursename
            booktitle movietitle filmtitle game gamename recipe recipeid recipename packagename""",
        "helpful_votes": """
            helpfulvotes helpful helpfulvote votes vote thumbsup thumbsupcount likes useful votesup helpfulcount
            upvotes votesum helpuseful""",
        "language": "language lang sprache idioma langue lingua język язык 언어 言語 语言",
    }.items()
}
PHRASES = {  # for headers that are sentences, or made of several words
    "text": r"\b(review|comment|opinion)s?\b.*\b(text|body|content)\b|\b(text|body|content)\b.*\breview",
    "rating": r"\b(user|review|reviewer|author|customer|guest|student|my|your|overall) ?(rating|score|stars|rate)\b"
    r"|\brecommend(ed)?\b"
    r"|\bsatisf|\([01] ?(?:–|to)? ?(?:5|7|10)\)",
    "date": r"\bdate\b.*\breview|\breview.*\bdate\b",
    "title": r"\breview.*\b(title|headline)\b",
    "author": r"\b(author|reviewer|user|guest|customer)\b.*\bname\b",
}
# Names that may be those of any text, the product's own among them.
_ANY_TEXT = (
    "text body content description message fulltext context passage abstract sentence question texto"
    " texte testo tekst текст 내용 본문 本文 内容"
).split()
_ANSWERS = re.compile(
    r"\b(repl(y|ies|ied)|responses?|respond(ed)?|answers?|owners?|developers?|management|hosts?"
    r"|sellers?|merchants?|vendors?|antwort(en)?|réponses?|respuestas?|rispost[ae]|respostas?"
    r"|odpowied[źz]i?|antwoord|yanıt\w*|ответ|eigentümers?|propriétaire|propietario)\b|답변|返信|回复|回復|商家"
)
_REVIEW_WORDS = r"(?:reviews? |reviewers? |my |your |users? |customers? |guests? |students? )"
_CONTAINERS = (
    "properties",
    "attributes",
    "data",
    "node",
    "fields",
    "review",
    "reviews",
    "reviewslist",
)
_WRAPPERS = ("label", "value", "text", "$t", "#text", "en", "$")


def plain(name: str) -> str:
    """A column's name in lower case, letters and digits only."""
    return re.sub(r"[\W_]", "", name.casefold())


def words(name: str) -> str:
    """A column's name as words in lower case: "reviewReply.comment" is "review reply comment"."""
    apart = re.sub(r"(?<=[a-z\d])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[_\-./:]+", " ", apart).casefold().split())


def answers(name: str) -> bool:
    """Whether a column holds what somebody answered to the review; a question does not."""
    return "?" not in name and _ANSWERS.search(words(name)) is not None


def is_any_text(name: str) -> bool:
    """Whether a name may be that of any text, a product's too: "description"."""
    return plain(_segments(name)[-1]) in _ANY_TEXT


def parent(name: str) -> str:
    """What a nested name is inside of: "reviews" of "reviews.rating"; "" where it is not nested."""
    return ".".join(_segments(name)[:-1])


def rank(field: str, name: str) -> tuple[int, int] | None:
    """How well a column's name fits a field, the smaller the better; None where it does not."""
    for certainty, key in enumerate(_keys(name, field)):
        if key in NAMES[field]:
            return NAMES[field].index(key), certainty
    phrase = PHRASES.get(field)
    return (len(NAMES[field]), 0) if phrase and re.search(phrase, words(name)) else None


def _keys(name: str, field: str) -> Iterator[str]:
    """What a column may be called, as `plain` writes it, the most certain first."""
    segments = _segments(name)
    yield plain(name)
    yield plain("".join(segments))
    if len(segments) > 1 and plain(segments[-2]) not in _CONTAINERS:
        segments = ["_".join(segments[-2:])]  # "product.name" is no name of a review
    yield plain(segments[-1])
    short = re.sub(r"\(.*?\)|\b(?:out of|von|sur|su) \d+$", " ", words(segments[-1])).strip()
    short = re.sub(r"\b(?:utc|gmt|published)$", "", short).strip()
    yield plain(short)
    if field in ("text", "title", "rating", "date", "author", "language"):
        dropped = r"(?:reviews? )" if field == "author" else _REVIEW_WORDS
        yield plain(re.sub(rf"^{dropped}+", "", short))


def _segments(name: str) -> list[str]:
    segments = [re.sub(r"^\w+:", "", part) for part in name.split(".") if part.strip()] or [name]
    while len(segments) > 1 and segments[-1].casefold() in _WRAPPERS:
        if plain(segments[-2]) in _CONTAINERS:
            break  # "reviews.text" is the text of a review
        segments.pop()
    return segments
