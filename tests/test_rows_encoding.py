"""The encodings that review files are in."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.ingest.formats.encoding import detect, open_text
from rag.ingest.formats.registry import open_sources

TEXTS = {
    "cp1252": "id,text\n1,Très bon séjour à l’hôtel, je recommande vivement\n2,Déçu par la chambre… pour 50 €\n",
    "cp1250": "id,text\n1,Bardzo dobry film, świetna gra aktorów i niezwykłe zdjęcia\n2,Zażółć gęślą jaźń, polecam!\n",
    "cp1251": "id,текст\n1,Отличный фильм, всем советую посмотреть\n2,Плохо, очень плохо и скучно\n",
    "cp949": "id,리뷰\n1,최고예요 정말 재미있게 봤습니다\n2,별로였어요. 다시는 안 살 거예요\n",
    "cp932": "id,レビュー\n1,とても良い映画でした。また見たいです\n2,ありがとうございました。最高です\n",
    "euc_jp": "id,レビュー\n1,とても良い映画でした。また見たいです\n2,ありがとうございました。最高です\n",
    "gb18030": "id,评论\n1,这个产品非常好用，推荐大家购买\n2,质量太差了，再也不会买\n",
    "big5": "id,評論\n1,這個產品非常好用，推薦大家購買\n2,品質太差了，再也不會買\n",
}


@pytest.mark.parametrize("codec", TEXTS)
@pytest.mark.parametrize("times", [1, 40])
def test_old_encodings_are_recognised(codec: str, times: int) -> None:
    data = TEXTS[codec].encode(codec) * times
    assert data.decode(detect(data).codec) == TEXTS[codec] * times


@pytest.mark.parametrize(
    "codec",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
@pytest.mark.parametrize("text", [*TEXTS.values(), "id,text\n1,plain words\n2,😍 fine\n"])
def test_unicode_is_recognised_with_a_mark_and_without(
    tmp_path: Path, codec: str, text: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(codec))
    (source,) = open_sources(path)
    lines = text.splitlines()
    assert [row.cells["id"] + "," + list(row.cells.values())[1] for row in source] == lines[1:]
    assert codec[:5].upper().rstrip("-") in source.format.replace("-", "-")


@pytest.mark.parametrize(
    ("mark", "label"), [(codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF32_LE, "UTF-32")]
)
def test_the_mark_of_utf_32_is_not_taken_for_that_of_utf_16(mark: bytes, label: str) -> None:
    assert detect(mark + "a".encode(label + "-LE")).label == label


def test_a_few_odd_bytes_do_not_spoil_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        "id,text\n1,schön größer für Äpfel\n".encode() * 20 + b"2,caf\xe9 5 \x80 \x81\n"
    )
    (source,) = open_sources(path)
    assert list(source)[-1].cells["text"] == "café 5 € \x81"
    assert "UTF-8" in source.format and "cp1252" in source.format


def test_an_odd_byte_far_behind_the_sample_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n" + "1,größer\n".encode() * 150_000 + b"2,caf\xe9\n")
    (source,) = open_sources(path)
    assert list(source)[-1].cells["text"] == "café"


def test_euro_signs_among_question_marks_are_cp1252() -> None:
    assert detect(b"id,text\n1,??? \x80?? not bad\n2,fine \x80 ??\n" * 30).codec == "cp1252"


def test_a_letter_cut_at_the_end_of_the_sample_is_no_error() -> None:
    assert detect("é".encode() * 10 + b"\xc3", whole=False).codec == "utf-8"


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")),
    )
)
def test_any_bytes_have_an_encoding_that_reads_them(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    import io

    with open_text(io.BytesIO(data), detect(data)) as text:
        assert isinstance(text.read(), str)
