"""Background jobs: real processes, which end well, badly, by request and by force."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag import jobs
from rag.config import Settings
from rag.config.groups import Paths
from rag.index import list_indexes
from rag.jobs import Job, JobError, JobSpec, Stage, launch, list_jobs
from rag.jobs import job as job_module
from rag.jobs.files import ABANDONED_S, safe_name
from rag.jobs.job import CANCELLED, DIED
from rag.schema import IndexFileError, ReviewFileError

WORK = Path(__file__).with_name("job_work.py")
PATIENCE_S = 90.0


def process(what: str) -> tuple[str, ...]:
    return (sys.executable, str(WORK), what)


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Path]:
    """A folder of indexes; what still runs there at the end is killed."""
    folder = tmp_path / "indexes"
    yield folder
    for job in list_jobs(folder):
        if job.running:
            kill(job)


def start(
    indexes: Path, what: str, index: str = "hotel", files: tuple[str, ...] = ("reviews.csv",)
) -> Job:
    spec = JobSpec(
        index=index, mode="new", files=files, mapping={"text": "Body"}, steps=("html",), strict=True
    )
    return jobs.start(
        Settings().changed({"paths.indexes_dir": indexes, "retrieval.top_k": 7}),
        spec,
        process=process(what),
    )


def reread(job: Job) -> Job:
    now = Job.read(job.folder)
    assert now is not None
    return now


def until(job: Job, reached: Callable[[Job], bool]) -> Job:
    """The job once it is what is waited for."""
    end = time.monotonic() + PATIENCE_S
    while not reached(now := reread(job)):
        assert time.monotonic() < end, (now, (job.folder / "log.txt").read_text())
        time.sleep(0.02)
    return now


def ended(job: Job) -> Job:
    return until(job, lambda now: not now.running)


def working(job: Job) -> Job:
    return until(job, lambda now: any(stage.name == "embedding" for stage in now.stages))


def pid(job: Job) -> int:
    value = json.loads((job.folder / "status.json").read_text())["pid"]
    assert isinstance(value, int)
    return value


def kill(job: Job) -> None:
    with contextlib.suppress(ProcessLookupError, OSError, ValueError):
        os.kill(pid(job), signal.SIGKILL)


def test_a_job_runs_and_tells_how_far_it_is_and_how_it_ended(indexes: Path) -> None:
    job = start(indexes, "succeed")
    assert job.state == "running"
    done = ended(job)
    assert done.state == "done" and done.message == ""
    assert done.result == {"reviews": 3}
    assert [(stage.name, stage.done, stage.total) for stage in done.stages] == [("reading", 5, 5)]
    assert done.finished is not None and done.finished >= done.started
    assert (
        done.spec == job.spec
        and done.spec.mapping == {"text": "Body"}
        and done.spec.files == ("reviews.csv",)
    )
    assert done.settings == Settings().changed({"paths.indexes_dir": indexes, "retrieval.top_k": 7})
    assert list_jobs(indexes) == [done]
    assert list_indexes(indexes) == []  # the jobs' folder is no index


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system does not say")
@pytest.mark.parametrize(("ours", "its"), [("8", "4"), ("1", "1")])
def test_a_job_takes_half_of_the_threads(
    indexes: Path, monkeypatch: pytest.MonkeyPatch, ours: str, its: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", ours)
    job = working(start(indexes, "wait"))
    environ = Path(f"/proc/{pid(job)}/environ").read_text().split("\0")
    assert f"OMP_NUM_THREADS={its}" in environ


@pytest.mark.parametrize(
    ("what", "shown", "logged"),
    [
        ("fail", "The disk is full. Make room.", ""),
        (
            "crash",
            "Something unforeseen went wrong (ZeroDivisionError: of all things)",
            "Traceback",
        ),
        ("exit", "Something unforeseen went wrong (SystemExit: 3)", "Traceback"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(
    indexes: Path, what: str, shown: str, logged: str
) -> None:
    job = ended(start(indexes, what))
    assert (
        job.state == "failed" and job.message.startswith(shown) and "Traceback" not in job.message
    )
    log = (job.folder / "log.txt").read_text()
    assert logged in log if logged else log == ""


def test_a_job_is_cancelled_at_once(indexes: Path) -> None:
    job = working(start(indexes, "wait"))
    job.cancel()
    job = ended(job)
    assert job.state == "cancelled" and job.message == CANCELLED
    job.cancel()  # what has ended stays as it is
    assert reread(job).state == "cancelled"


def test_a_job_that_is_cancelled_before_it_works_never_works(indexes: Path) -> None:
    job = start(indexes, "wait")
    job.cancel()
    job = ended(job)
    assert job.state == "cancelled" and job.stages == ()


def test_a_job_that_does_not_listen_is_ended_by_force_when_asked_again_after_a_while(
    indexes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = working(start(indexes, "deaf"))
    job.cancel()
    job.cancel()  # too early for force
    time.sleep(0.3)
    job = reread(job)
    assert job.running and job.cancel_asked is not None and not job.can_be_forced
    monkeypatch.setattr(job_module, "GRACE_S", 0.0)
    assert job.can_be_forced
    job.cancel()
    assert ended(job).state == "cancelled"


def test_a_killed_job_says_so_and_is_started_again(indexes: Path) -> None:
    job = working(start(indexes, "wait"))
    os.kill(pid(job), signal.SIGKILL)
    job = ended(job)
    assert job.state == "died" and job.message == DIED
    assert list_jobs(indexes) == [job]
    again = jobs.start_again(job, process=process("succeed"))
    assert again.folder == job.folder and again.running and again.spec == job.spec
    done = ended(again)
    assert done.state == "done" and done.settings == job.settings and done.started > job.started
    assert len(list_jobs(indexes)) == 1


def test_one_job_works_on_an_index_and_others_work_on_others(indexes: Path) -> None:
    first = working(start(indexes, "wait"))
    with pytest.raises(JobError, match=r'index "hotel" is being worked on since .* cancel it'):
        start(indexes, "wait")
    with pytest.raises(JobError, match="being worked on"):
        jobs.start_again(first, process=process("succeed"))
    with pytest.raises(JobError, match="still running"):
        jobs.forget(first)
    other = ended(start(indexes, "succeed", "motel"))
    assert other.state == "done"
    first.cancel()
    assert ended(first).state == "cancelled"
    assert ended(start(indexes, "succeed")).state == "done"
    assert [job.spec.index for job in list_jobs(indexes)] == ["hotel", "motel", "hotel"]


def test_of_many_that_start_at_once_one_does(indexes: Path) -> None:
    refused: list[JobError] = []

    def try_it() -> None:
        try:
            start(indexes, "wait")
        except JobError as error:
            refused.append(error)

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5 and len(list_jobs(indexes)) == 1


@pytest.mark.parametrize("what", ["brief", "wait"])
def test_a_job_outlives_the_process_that_started_it(
    indexes: Path, tmp_path: Path, what: str
) -> None:
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import signal, time\nfrom pathlib import Path\nfrom rag import jobs\nfrom rag.config "
        "import Settings\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell leaves it to what runs in the "
        "background\n"
        "spec = jobs.JobSpec(index='hotel', mode='new', files=('a.csv',))\n"
        f"jobs.start(Settings().changed({{'paths.indexes_dir': {str(indexes)!r}}}), spec, "
        f"process={process(what)!r})\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, str(starter)], start_new_session=True)
    end = time.monotonic() + PATIENCE_S
    while not list_jobs(indexes):
        assert time.monotonic() < end and parent.poll() is None
        time.sleep(0.02)
    job = working(list_jobs(indexes)[0])
    os.killpg(parent.pid, signal.SIGKILL)  # the server, and all that is in its terminal
    parent.wait(10)
    if what == "wait":
        updated = job.stages[-1].updated
        until(job, lambda now: now.running and now.stages[-1].updated > updated + 0.5)
        job.cancel()
    assert ended(job).state == ("cancelled" if what == "wait" else "done")


def test_the_apps_own_process_makes_an_index_with_the_bundled_embedder(
    indexes: Path, tmp_path: Path
) -> None:
    file = tmp_path / "stays.csv"
    file.write_text("Body,Stars\nVery quiet at night.,5\n,3\nThe lift hums.,2\n")
    spec = JobSpec(
        index="hotel", mode="new", files=(str(file),), mapping={"text": "Body"}, steps=("spaces",)
    )
    job = ended(jobs.start(Settings().changed({"paths.indexes_dir": indexes}), spec))
    assert job.state == "done", (job.message, (job.folder / "log.txt").read_text())
    assert (job.result["reviews"], job.result["sentences"], job.result["new"]) == (2, 2, 2)
    assert job.result["reports"][0]["dropped"] == {"no text": 1}
    assert job.rejects is not None and len(job.rejects.read_text().splitlines()) == 2
    assert [stage.name for stage in job.stages][:3] == ["reading", "comparing", "chunking"]
    assert list_indexes(indexes) == ["hotel"] and list_jobs(indexes) == [job]


def test_damaged_job_folders_harm_nobody(indexes: Path) -> None:
    good = ended(start(indexes, "succeed"))
    jobs_folder = good.folder.parent
    for number, content in enumerate(
        (b"", b"{", b"[]", b'{"spec": 3}', b"\xff\xfe", b'{"spec": {}, "settings": {}}')
    ):
        folder = jobs_folder / f"20200101T000000-{number:08x}"
        folder.mkdir()
        (folder / "job.json").write_bytes(content)
    (jobs_folder / "20200101T000000-0000ffff").mkdir()
    (jobs_folder / "notes.txt").write_text("not a job")
    assert list_jobs(indexes) == [good]
    ended(start(indexes, "succeed"))  # which clears away what is no job
    assert len(list(jobs_folder.glob("2020*"))) == 0


@pytest.mark.parametrize(
    "content", [b"", b'{"sta', b"[1]", b'{"state": "wonderful"}', b'{"state": 7, "result": []}']
)
@pytest.mark.parametrize("name", ["status.json", "cancel"])
def test_half_written_files_are_read_without_an_error(
    finished: Job, tmp_path: Path, name: str, content: bytes
) -> None:
    folder = Path(shutil.copytree(finished.folder, tmp_path / "copy"))
    (folder / name).write_bytes(content)
    job = Job.read(folder)
    assert job is not None and not job.running
    assert job.state == ("died" if name == "status.json" else "done")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return ended(start(tmp_path_factory.mktemp("finished"), "succeed"))


def test_only_the_newest_finished_jobs_are_kept(
    indexes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "KEEP", 2)
    running = working(start(indexes, "wait", "inn"))
    for number in range(4):
        ended(start(indexes, "succeed", f"hotel-{number}"))
    names = [job.spec.index for job in list_jobs(indexes)]
    assert names == [
        "hotel-3",
        "hotel-2",
        "hotel-1",
        "inn",
    ]  # two, the one that was started then, and what runs
    running.cancel()
    job = ended(running)
    jobs.forget(job)
    assert not job.folder.exists()


def test_a_job_that_cannot_be_started_is_a_plain_error(indexes: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexFileError, match="name of an index"):
        start(indexes, "succeed", "../out")
    spec = JobSpec(index="hotel", mode="new", files=())
    with pytest.raises(JobError, match="could not be started"):
        jobs.start(
            Settings().changed({"paths.indexes_dir": indexes}),
            spec,
            process=(str(tmp_path / "no-such-program"),),
        )
    assert list_jobs(indexes) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="could not be started"):
        jobs.start(Settings().changed({"paths.indexes_dir": tmp_path / "file"}), spec)


def test_rate_and_time_left_come_from_the_stage_itself() -> None:
    stage = Stage("embedding", done=300, total=1000, first=100, started=50.0, updated=60.0)
    assert stage.rate == 20.0  # what was there before does not count
    assert stage.seconds_left == 35.0
    fresh = Stage("embedding", done=100, total=1000, first=100, started=50.0, updated=50.0)
    assert fresh.rate is None and fresh.seconds_left is None
    over = Stage("embedding", done=1000, total=1000, first=0, started=50.0, updated=60.0)
    assert over.seconds_left is None


def test_uploads_go_when_their_job_is_done_and_stay_when_it_is_not(indexes: Path) -> None:
    kept = jobs.store_upload(indexes, "reviews.csv", BytesIO(b"text\nGood.\n"))
    other = jobs.store_upload(indexes, "reviews.csv", BytesIO(b"text\nBad.\n"))
    assert kept.name == other.name == "reviews.csv" and kept.read_bytes() == b"text\nGood.\n"
    failed = ended(start(indexes, "fail", files=(str(kept),)))
    ended(start(indexes, "succeed", files=(str(other),)))
    end = time.monotonic() + PATIENCE_S
    while other.exists():  # removed after the outcome is written
        assert time.monotonic() < end
        time.sleep(0.02)
    assert kept.exists() and not other.parent.exists()
    jobs.forget(failed)
    assert kept.exists()  # the page may be about to use it
    os.utime(kept.parent, (0, time.time() - ABANDONED_S - 60))
    jobs.remove_unused_uploads(indexes)
    assert not kept.parent.exists()


def test_an_upload_that_cannot_be_kept_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReviewFileError, match="cannot be kept"):
        jobs.store_upload(tmp_path / "file", "reviews.csv", BytesIO(b"x"))


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("My reviews (2024).CSV", "My_reviews_2024_.CSV"),
        ("C:\\Users\\ann\\r.csv.gz", "r.csv.gz"),
        ("../../etc/passwd", "passwd"),
        ("", "reviews"),
        ("리뷰.xlsx", "리뷰.xlsx"),
    ],
)
def test_uploads_get_names_of_our_own(name: str, stored: str) -> None:
    assert safe_name(name) == stored


@given(st.text(max_size=300))
@example("." * 300)
@example("\ud800.csv")
def test_no_name_leads_anywhere(name: str) -> None:
    safe = safe_name(name)
    assert safe == Path(safe).name and safe[0] not in ".-" and len(os.fsencode(safe)) <= 255


def kept_in(folder: Path, reviews: str = "in") -> Paths:
    """The folders of a program that works in `folder`."""
    names = {"indexes_dir": "indexes", "models_dir": "models", "runs_dir": "runs"}
    return Paths(
        reviews_dir=folder / reviews,
        cache_dir=folder / "cache",
        **{key: folder / name for key, name in names.items()},
    )


def test_named_files_lie_inside_the_folder(tmp_path: Path) -> None:
    paths, inside, outside = kept_in(tmp_path), tmp_path / "in", tmp_path / "out"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (inside / "deep" / "a.csv").write_text("text\nGood.\n")
    (outside / "secret.csv").write_text("text\nSecret.\n")
    assert jobs.named_file(paths, " deep/a.csv ") == inside / "deep" / "a.csv"
    assert jobs.named_file(paths, str(inside / "deep" / "a.csv")) == inside / "deep" / "a.csv"
    assert jobs.named_file(paths, "deep") == inside / "deep"
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    for name in (
        "../out/secret.csv",
        str(outside / "secret.csv"),
        "link.csv",
        "..",
        ".",
        "",
        "deep/../../out",
    ):
        with pytest.raises(ReviewFileError, match="not inside"):
            jobs.named_file(paths, name)
    (inside / "deep" / "b.csv").symlink_to(outside / "secret.csv")
    with pytest.raises(ReviewFileError, match="not inside"):
        jobs.named_file(paths, "deep")
    with pytest.raises(ReviewFileError, match="There is no file"):
        jobs.named_file(paths, "nothing.csv")
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(ReviewFileError, match="cannot be the name"):
            jobs.named_file(paths, name)


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".git/config",
        ".hidden/a.csv",
        ".secret.csv",
        "indexes/.uploads/0a/theirs.csv",
        "indexes/hotel/reviews.parquet",
        "indexes",
        "models/m/config.json",
        "runs/r/examples.jsonl",
        "cache/a.csv",
        "to-the-index",
        "to-an-upload.csv",
        "holder",
        "reviewqa.toml",
        "id_rsa",
        "page.html",
        "program.py",
    ],
)
def test_what_is_hidden_kept_or_no_review_file_is_not_read(tmp_path: Path, name: str) -> None:
    paths = kept_in(tmp_path, reviews=".")
    for file in (".env", ".git/config", ".hidden/a.csv", ".secret.csv", "cache/a.csv"):
        write(tmp_path / file)
    for file in ("indexes/.uploads/0a/theirs.csv", "indexes/hotel/reviews.parquet"):
        write(tmp_path / file)
    for file in ("models/m/config.json", "runs/r/examples.jsonl", "reviewqa.toml", "id_rsa"):
        write(tmp_path / file)
    for file in ("page.html", "program.py", "holder/a.csv", "good.CSV", "notes.txt"):
        write(tmp_path / file)
    (tmp_path / "to-the-index").symlink_to(tmp_path / "indexes" / "hotel")
    (tmp_path / "to-an-upload.csv").symlink_to(tmp_path / "indexes/.uploads/0a/theirs.csv")
    assert jobs.named_file(paths, "good.CSV") == tmp_path / "good.CSV"
    assert jobs.named_file(paths, "notes.txt") == tmp_path / "notes.txt"
    paths = paths.model_copy(
        update={"cache_dir": tmp_path / "holder" / "cache"} if name == "holder" else {}
    )
    with pytest.raises(ReviewFileError, match=r"is hidden or kept|not called like a review file"):
        jobs.named_file(paths, name)


def write(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("text\nPASSWORD=x\n")
