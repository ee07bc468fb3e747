"""The work that runs and that has ended: every tab shows the same, for it is read from the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from rag import jobs
from rag.config import Settings
from rag.jobs import Job
from ui.components import errors, navigation
from ui.render import reviews as markup
from ui.render.words import as_markdown

REFRESH_S = 1.0  # while something runs
IDLE_REFRESH_S = 4.0  # another tab may start something


def show(settings: Settings) -> None:
    """Draw the jobs, and draw them again and again."""
    listed = jobs.list_jobs(settings.paths.indexes_dir)
    st.session_state.jobs_known = _states(listed)
    running = any(job.running for job in listed)
    st.fragment(_jobs, run_every=REFRESH_S if running else IDLE_REFRESH_S)(settings)


def _jobs(settings: Settings) -> None:
    with errors.shown():
        listed = jobs.list_jobs(settings.paths.indexes_dir)
        if _states(listed) != st.session_state.jobs_known:
            st.rerun(scope="app")  # the indexes on the rest of the page change when a job ends
        if not listed:
            return
        st.header("Work", anchor=False)
        running = [job for job in listed if job.running]
        ended = [job for job in listed if not job.running]
        for job in running:
            _running(job)
        for job in ended[:1]:
            _ended(job)
        if ended[1:]:
            with st.expander(f"Earlier work ({len(ended) - 1})"):
                for job in ended[1:]:
                    _ended(job)


def _states(listed: list[Job]) -> list[tuple[str, str]]:
    return [(job.job_id, job.state) for job in listed]


def _running(job: Job) -> None:
    with st.container(border=True, key=f"job-{job.job_id}"):
        st.html(markup.job_heading_html(job) + markup.stages_html(job.stages[:-1]))
        if job.stages:
            stage = job.stages[-1]
            share = stage.done / stage.total if stage.total > 0 else 0.0
            line = as_markdown(markup.stage_line(stage))
            st.progress(min(1.0, max(0.0, share)), text=line)
        else:
            st.progress(0.0, text="Starting …")
        if job.cancel_asked is None:
            _button("Cancel", "cancel", Job.cancel, job)
        elif job.can_be_forced:
            st.caption("It has not stopped yet. What was embedded so far is kept.")
            _button("End it by force", "force", Job.cancel, job)
        else:
            st.caption("It was asked to stop …")


def _ended(job: Job) -> None:
    with st.container(border=True, key=f"job-{job.job_id}"), errors.shown():
        st.html(markup.job_heading_html(job))
        if job.message:
            show_message = st.error if job.state in ("failed", "died") else st.info
            show_message(as_markdown(markup.job_message(job)))
        if job.state == "done":
            st.html(markup.outcome_html(job.result))
            with st.expander("What it did"):
                st.html(markup.result_html(job.result))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            _ways_on(job)


def _ways_on(job: Job) -> None:
    """What can be done with a job that ended."""
    if job.state == "done":
        navigation.link(navigation.ASK, "Ask this index", index=job.spec.index)
    else:
        _button("Start it again", "again", jobs.start_again, job)
    if job.rejects is not None:
        st.download_button(
            "Rejected rows (CSV)",
            data=job.rejects.read_bytes,
            file_name=f"{job.spec.index}-rejected.csv",
            mime="text/csv",
            key=f"rejects-{job.job_id}",
            on_click="ignore",
        )
    _button("Remove from the list", "forget", jobs.forget, job, type="tertiary")


def _button(
    label: str,
    key: str,
    act: Callable[[Job], object],
    job: Job,
    type: Literal["secondary", "tertiary"] = "secondary",
) -> None:
    """A button that acts on a job, and tells what went wrong where that fails."""
    st.button(label, key=f"{key}-{job.job_id}", type=type, on_click=_act, args=(act, job))


def _act(act: Callable[[Job], object], job: Job) -> None:
    with errors.shown():
        act(job)
