"""The page of the reviews, by Streamlit's own test runner: real files and job processes, which do
no real work.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag import jobs
from rag.index.store import live_generation
from rag.ingest.formats import unpack
from rag.jobs import Job, list_jobs
from tests.test_jobs import ended, kill, pid, process, working
from tests.ui_fakes import REVIEWS, XSS, build_fake_index
from ui.components import contents as reviews_contents
from ui.components import errors
from ui.components import look as reviews_look
from ui.pages import reviews as reviews_page

SCRIPT = """
from dataclasses import replace
from ui import app
from ui.pages import ask, reviews
app.main([replace(reviews.PAGE, url_path=""), replace(ask.PAGE, url_path="ask")])
"""
CSV = (
    "Name,Stars,When,Body\n"
    'Ann,5,2024-01-02,"Very quiet at night, I slept like a stone. The bed was wide."\n'
    "Bob,2,2024-02-03,The lift hums and the street is loud until two at night.\n"
    "Cid,3,2024-03-04,\n"
    "Dee,4,2024-03-05,Breakfast was warm and plentiful.\n"
    'Eve,5,2024-01-02,"Very quiet at night, I slept like a stone. The bed was wide."\n'
)
NOT_CLEAR = "a,b\nThe pool was warm and clean all day.,The desk was friendly and found us a taxi.\n"
HOSTILE = {
    "reviews": 2,
    "sentences": 1,
    "new": 1,
    "reports": [
        {
            "file": XSS,
            "format": XSS,
            "read": 3,
            "kept": 2,
            "dropped": {XSS: 1},
            "examples": [XSS + "x" * 9000],
            "renamed": 1,
        }
    ],
}


@pytest.fixture(autouse=True)
def indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "indexes"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVIEWQA_PATHS__INDEXES_DIR", str(folder))
    yield folder
    for job in list_jobs(folder):
        if job.running:
            kill(job)


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Jobs do what `does` says; at first they succeed."""
    does(monkeypatch, "succeed")
    return monkeypatch


def does(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    for name in ("start", "start_again"):
        original = getattr(jobs, name)
        plain = original.func if isinstance(original, functools.partial) else original
        monkeypatch.setattr(jobs, name, functools.partial(plain, process=process(what)))


def open_page(**query: str) -> AppTest:
    test = AppTest.from_string(SCRIPT, default_timeout=20)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def upload(test: AppTest, content: str = CSV, name: str = "hotel reviews.csv") -> AppTest:
    return test.file_uploader[0].upload(name, content.encode(), "text/csv").run()


def column(test: AppTest, label: str, value: str | None = None) -> str:
    box = next(box for box in test.selectbox if box.label == label)
    if value is not None:
        box.set_value(value).run()
        return column(test, label)
    return str(box.value)


def name_it(test: AppTest, name: str) -> AppTest:
    return (
        next(box for box in test.text_input if box.label == "Name of the new index")
        .set_value(name)
        .run()
    )


def click(test: AppTest, label: str) -> AppTest:
    return next(button for button in test.button if button.label == label).click().run()


def markup(test: AppTest) -> str:
    """All markup on the page, which must hold none of the files' own."""
    assert not test.exception
    bodies = [element.proto.body for element in test.get("html")]
    markup = "\n".join(body for body in bodies if "<style>" not in body)
    assert "<script" not in markup and "<img" not in markup
    return markup


def start_button(test: AppTest) -> bool:
    """Whether the work can be started."""
    return not next(button for button in test.button if button.key == "start").disabled


def only_job(indexes: Path) -> Job:
    (job,) = list_jobs(indexes)
    return job


def test_a_file_is_shown_before_it_is_read_in() -> None:
    test = upload(open_page())
    assert (column(test, "Text"), column(test, "Rating"), column(test, "Author")) == (
        "Body",
        "Stars",
        "Name",
    )
    assert any(
        "review's text" in caption.value.replace("\\", "") for caption in test.caption
    )  # why it is
    shown = markup(test)
    for number, name in ((5, "rows read"), (4, "kept"), (1, "dropped"), (1, "exact copies")):
        assert f"<dt>{name}</dt><dd>{number}</dd>" in shown
    assert "hotel_reviews.csv" in shown and "Very quiet at night" in shown
    assert "Dropped, by reason" in shown and "line 4" in shown
    assert not test.error


def test_a_column_is_set_right_and_switched_off() -> None:
    test = upload(open_page())
    assert ">Ann<" in markup(test) and markup(test).count("2024-01-02") == 2
    column(test, "Item", "When")
    assert (
        ">Ann<" in markup(test) and markup(test).count("2024-01-02") == 4
    )  # the date still, and the item
    assert [caption.value for caption in test.caption].count("set by you") == 1
    column(test, "Author", reviews_contents.NO_COLUMN)
    assert "Ann" not in markup(test) and markup(test).count("2024-01-02") == 4


def test_where_the_text_cannot_be_told_the_user_tells(indexes: Path) -> None:
    test = name_it(upload(open_page(), NOT_CLEAR), "hotel")
    if not test.error:  # recognised by its content
        pytest.fail("a file whose text is not clear was taken without a question")
    assert not start_button(test)
    column(test, "Text", "a")
    assert not test.error and start_button(test)
    assert "The pool was warm" in markup(test)


def test_a_file_that_is_none_is_an_error_in_words(indexes: Path) -> None:
    test = upload(open_page(), "", "empty.csv")
    assert test.error and not test.exception
    assert all(button.disabled for button in test.button if button.key == "start")


def test_what_was_chosen_is_what_is_done(indexes: Path, works: pytest.MonkeyPatch) -> None:
    test = name_it(upload(open_page()), "hotel")
    column(test, "Date", "When")
    column(test, "Author", reviews_contents.NO_COLUMN)
    next(
        box for box in test.checkbox if box.label == reviews_contents.STEP_NAMES["html"]
    ).set_value(False).run()
    next(box for box in test.checkbox if box.key == "strict").set_value(True).run()
    works.setenv("JOB_RESULT", json.dumps({"reviews": 4, "sentences": 6, "new": 4}))
    click(test, "Make the index")
    job = only_job(indexes)
    assert (job.spec.index, job.spec.mode, job.spec.strict) == ("hotel", "new", True)
    assert job.spec.mapping["author"] == "" and job.spec.mapping.get("date", "When") == "When"
    assert "html" not in job.spec.steps and "spaces" in job.spec.steps
    (file,) = map(Path, job.spec.files)
    assert file.name == "hotel_reviews.csv" and file.parent.parent == indexes / ".uploads"
    assert [
        element.value for element in test.text_input if element.label == "Name of the new index"
    ] == [""]
    ended(job)
    for tab in (test.run(), open_page()):  # the tab that started it, and another one
        assert "The index now has 4 reviews in 6 sentences." in markup(tab)
        assert [button.label for button in tab.button][:1] == ["Remove from the list"]
    click(test, "Remove from the list")
    assert list_jobs(indexes) == []


def test_the_scale_and_a_text_in_two_columns_are_what_the_user_says(
    indexes: Path, works: pytest.MonkeyPatch
) -> None:
    sides = "Pros,Cons,Stars\nWarm and cheap.,Loud at night.,4\nSoft beds.,none,2\n"
    test = name_it(upload(open_page(), sides, "sides.csv"), "hotel")
    assert "Pros: Warm and cheap." in markup(test) and "Ratings: 1..5" in markup(test)
    assert next(box for box in test.selectbox if box.label == "Text").value == "Pros+Cons"
    next(box for box in test.selectbox if box.key == "scale").set_value("0..10").run()
    assert "Ratings: 0..10 (you said so)" in markup(test)
    does(works, "wait")
    click(test, "Make the index")
    job = only_job(indexes)
    assert (job.spec.scale, job.spec.mapping) == ("0..10", {})


def test_running_work_is_shown_in_every_tab_and_cancelled_in_one(
    indexes: Path, works: pytest.MonkeyPatch
) -> None:
    does(works, "wait")
    one = click(name_it(upload(open_page()), "hotel"), "Make the index")
    working(only_job(indexes))
    other = open_page()
    for tab in (one.run(), other):
        assert "Running" in markup(tab) and "Reading and cleaning" in markup(tab)
    click(name_it(upload(other), "hotel"), "Make the index")
    assert "being worked on" in other.error[0].value
    click(other, "Cancel")
    ended(only_job(indexes))
    for tab in (one.run(), other.run()):
        assert "Cancelled" in markup(tab)
        assert any("kept for the next time" in info.value for info in tab.info)
    does(works, "succeed")
    click(one.run(), "Start it again")
    ended(only_job(indexes))
    assert "Done" in markup(one.run())


def test_work_that_failed_or_died_says_so(indexes: Path, works: pytest.MonkeyPatch) -> None:
    does(works, "fail")
    test = click(name_it(upload(open_page()), "hotel"), "Make the index")
    ended(only_job(indexes))
    test.run()
    assert "Failed" in markup(test) and "The disk is full\\. Make room\\." in test.error[0].value
    does(works, "wait")
    click(test.run(), "Start it again")
    os.kill(pid(working(only_job(indexes))), signal.SIGKILL)
    ended(only_job(indexes))
    assert "killed" in test.run().error[0].value


def test_what_files_and_jobs_say_stays_text(indexes: Path, works: pytest.MonkeyPatch) -> None:
    works.setenv("JOB_RESULT", json.dumps(HOSTILE))
    test = upload(
        open_page(),
        f'"{XSS.replace(chr(34), "")}",text\n{"<b>bold</b> **word** " * 30},{XSS}\n',
        "<i>x.csv",
    )
    assert "&lt;" not in column(test, "Text")  # a widget's own text, which Streamlit escapes
    click(name_it(test, "hotel"), "Make the index")
    ended(only_job(indexes))
    shown = markup(test.run())
    assert "&lt;script&gt;" in shown and "x" * 300 not in shown


@pytest.mark.parametrize("result", ['{"reports": 7}', '{"reports": [[]], "reviews": "many"}', "{}"])
def test_a_strange_result_harms_only_itself(
    indexes: Path, works: pytest.MonkeyPatch, result: str
) -> None:
    works.setenv("JOB_RESULT", result)
    click(name_it(upload(open_page()), "hotel"), "Make the index")
    ended(only_job(indexes))
    test = open_page()
    assert "Done" in markup(test)
    assert [error.value for error in test.error] in ([], [errors.SORRY])
    assert test.file_uploader


def test_rejected_rows_are_offered(indexes: Path, works: pytest.MonkeyPatch) -> None:
    test = click(name_it(upload(open_page()), "hotel"), "Make the index")
    job = ended(only_job(indexes))
    assert not test.run().get("download_button")
    (job.folder / "rejects.csv").write_text("file,line,reason,row\n")
    assert len(test.run().get("download_button")) == 1


@pytest.mark.parametrize("name", ["../out", "a b", "ü", "-x"])
def test_a_name_that_no_index_can_have_is_refused_and_the_file_stays(name: str) -> None:
    test = name_it(upload(open_page()), name)
    assert "cannot be the name of an index" in test.error[0].value
    assert not start_button(test)
    assert start_button(name_it(test, "hotel"))


def test_named_files_are_read_inside_the_folder_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "hotel.csv").write_text(CSV)
    (tmp_path / "secret.csv").write_text(CSV)
    monkeypatch.setenv("REVIEWQA_PATHS__REVIEWS_DIR", str(tmp_path / "in"))
    test = open_page()
    test.radio(key="kind").set_value(reviews_page.NAMED).run()
    box = next(box for box in test.text_input if box.label == "File or folder")
    for name in ("../secret.csv", str(tmp_path / "secret.csv")):
        box.set_value(name).run()
        assert "is not inside" in test.error[0].value and "Very quiet" not in markup(test)
    box.set_value("hotel.csv").run()
    assert not test.error and "Very quiet" in markup(test)


def test_the_folder_of_named_files_is_made_where_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PASSWORD=x")
    test = open_page()
    test.radio(key="kind").set_value(reviews_page.NAMED).run()
    assert f"no folder {tmp_path}/reviews" in test.info[0].value.replace("\\", "")
    assert (tmp_path / "reviews").is_dir()
    box = next(box for box in test.text_input if box.label == "File or folder")
    box.set_value("../.env").run()
    assert "is not inside" in test.error[0].value and not test.info
    (tmp_path / "reviews" / "hotel.csv").write_text(CSV)
    box.set_value("hotel.csv").run()
    assert not test.error and "Very quiet" in markup(test)


def test_an_upload_over_the_limit_is_refused(
    indexes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWQA_READING__MAX_UPLOAD_MB", "1")
    test = open_page()
    assert any("At most 1 MB" in caption.value for caption in test.caption)
    upload(test, CSV + "x" * 2**20)
    assert "larger than 1 MB" in test.error[0].value
    assert not (indexes / ".uploads").exists()
    upload(test)
    assert not test.error


def test_of_a_large_file_the_beginning_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews_look, "WHOLE_ROWS", 4)
    monkeypatch.setattr(reviews_look, "SAMPLE_ROWS", 3)
    test = upload(open_page())
    assert "<dt>rows read</dt><dd>3</dd>" in markup(test)
    assert "hotel_reviews.csv, line 4: " in markup(test) and "sample" not in markup(test)
    assert any(
        "the whole of it is read when you start" in caption.value for caption in test.caption
    )
    assert (column(test, "Text"), column(test, "Rating")) == ("Body", "Stars")


def test_of_an_archive_every_file_is_reported() -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.csv", CSV)
        archive.writestr("two.csv", CSV.replace("night", "noon"))
    test = open_page()
    test.file_uploader[0].upload("both.zip", packed.getvalue(), "application/zip").run()
    assert not test.error
    assert "one.csv" in markup(test) and "two.csv" in markup(test)
    assert markup(test).count("<dt>rows read</dt><dd>5</dd>") == 2


def test_an_archive_that_unpacks_to_far_more_than_it_weighs_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REVIEWQA_READING__MAX_UNPACK_RATIO", "20")
    monkeypatch.setattr(
        unpack, "FREE_UNPACKED", 1000
    )  # otherwise so much may be unpacked whatever the ratio
    test = open_page()
    content = gzip.compress(b"text\n" + b"The same words again and again.\n" * 50_000)
    test.file_uploader[0].upload("bomb.csv.gz", content, "application/gzip").run()
    assert "times" in test.error[0].value and str(Path.cwd()) not in test.error[0].value.replace(
        "\\", ""
    )


def test_an_index_is_updated_or_replaced_and_replacing_is_agreed_to(
    indexes: Path, works: pytest.MonkeyPatch
) -> None:
    build_fake_index(indexes)
    test = upload(open_page(index="masks"))
    assert test.selectbox(key="target").value == "masks"
    assert all(
        box.disabled for box in test.checkbox if box.label in reviews_contents.STEP_NAMES.values()
    )
    assert start_button(test)
    mode = next(radio for radio in test.radio if radio.label == "The file holds")
    mode.set_value(reviews_page.REPLACE).run()
    assert not start_button(test)
    next(box for box in test.checkbox if "that are not in the file" in box.label).set_value(
        True
    ).run()
    click(test, "Replace the reviews")
    job = ended(only_job(indexes))
    assert (job.spec.index, job.spec.mode) == ("masks", "replace")
    test.run()
    assert (
        next(radio for radio in test.radio if radio.label == "The file holds").value
        == reviews_page.UPDATE
    )
    click(upload(test), "Update the index")
    assert list_jobs(indexes)[0].spec.mode == "update"


def test_a_new_index_cannot_take_anothers_name(indexes: Path) -> None:
    build_fake_index(indexes)
    test = name_it(upload(open_page()), "masks")
    assert "choose it on the left" in test.warning[0].value
    assert not start_button(test)


def test_an_index_goes_back_a_version_and_forth(indexes: Path) -> None:
    build_fake_index(indexes)
    first = live_generation(indexes / "masks").name
    build_fake_index(indexes, reviews=REVIEWS[:6])
    second = live_generation(indexes / "masks").name
    test = open_page(index="masks")
    shown = markup(test)
    assert shown.index(">6<") < shown.index("in use") < shown.index(">10<")
    for generation in (first, second):
        assert next(button for button in test.button if button.key == "rollback").disabled
        next(box for box in test.checkbox if box.key and box.key.startswith("sure")).set_value(
            True
        ).run()
        click(test, "Go back")
        assert live_generation(indexes / "masks").name == generation and not test.error


def test_a_damaged_index_does_not_take_the_page_with_it(indexes: Path) -> None:
    build_fake_index(indexes)
    for file in (indexes / "masks").glob("*/manifest.json"):
        file.write_text("{")
    test = open_page(index="masks")
    assert "damaged" in markup(test) and test.file_uploader
    upload(test)
    assert "damaged" in test.error[0].value


def test_errors_of_the_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWQA_TOPK", "3")
    test = open_page()
    assert not test.exception and "TOP\\_K" in test.error[0].value
