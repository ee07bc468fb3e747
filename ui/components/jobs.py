"""The work that runs, and that ended lately: any tab shows the same, for all of it is read from the
disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rag import jobs
from rag.config import Settings
from rag.jobs import Job
from ui.components import errors
from ui.render import answers as render
from ui.render import reviews as markup

if TYPE_CHECKING:
    from streamlit.navigation.page import Page

REFRESH_S = 1.0  # while something runs
IDLE_REFRESH_S = 4.0  # another tab may start something
SHOWN = 1  # of the jobs that ended; the others are folded away


def show(settings: Settings, ask_page: Page) -> None:
    """Draw the jobs, and draw them again and again."""
    found = jobs.list_jobs(settings.paths.indexes_dir)
    st.session_state.jobs_known = _states(found)
    running = any(job.running for job in found)
    st.fragment(_jobs, run_every=REFRESH_S if running else IDLE_REFRESH_S)(settings, ask_page)


def _jobs(settings: Settings, ask_page: Page) -> None:
    with errors.shown():
        found = jobs.list_jobs(settings.paths.indexes_dir)
        if _states(found) != st.session_state.jobs_known:
            st.rerun(
                scope="app"
            )  # the rest of the page shows indexes and generations, which change when a job ends
        if not found:
            return
        st.subheader("Work", anchor=False)
        running = [job for job in found if job.running]
        ended = [job for job in found if not job.running]
        for job in running:
            _running(job)
        for number, job in enumerate(ended[:SHOWN]):
            _ended(job, ask_page, unfolded=number == 0 and not running)
        if ended[SHOWN:]:
            with st.expander(f"Earlier work ({len(ended) - SHOWN})"):
                for job in ended[SHOWN:]:
                    _ended(job, ask_page, unfolded=False)


def _states(found: list[Job]) -> list[tuple[str, str]]:
    return [(job.job_id, job.state) for job in found]


def _running(job: Job) -> None:
    with st.container(border=True, key=f"job-{job.job_id}"):
        st.html(markup.job_heading_html(job) + markup.stages_html(job.stages[:-1]))
        if job.stages:
            stage = job.stages[-1]
            share = stage.done / stage.total if stage.total > 0 else 0.0
            st.progress(
                min(1.0, max(0.0, share)), text=render.plain_markdown(markup.stage_line(stage))
            )
        else:
            st.progress(0.0, text="Starting …")
        if job.cancel_asked is None:
            st.button("Cancel", key=f"cancel-{job.job_id}", on_click=_cancel, args=(job,))
        elif job.can_be_forced:
            st.caption("It has not stopped yet. What was embedded so far is kept.")
            st.button("End it by force", key=f"force-{job.job_id}", on_click=_cancel, args=(job,))
        else:
            st.caption("It was asked to stop …")


def _ended(job: Job, ask_page: Page, *, unfolded: bool) -> None:
    with st.container(border=True, key=f"job-{job.job_id}"), errors.shown():
        st.html(markup.job_heading_html(job))
        if job.message:
            (st.error if job.state in ("failed", "died") else st.info)(
                render.plain_markdown(markup.job_message(job))
            )
        if job.state == "done":
            with st.expander("What it did", expanded=unfolded):
                st.html(markup.result_html(job.result))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if job.state == "done":
                st.page_link(
                    ask_page, label="Ask this index", query_params={"index": job.spec.index}
                )
            else:
                st.button(
                    "Start it again", key=f"again-{job.job_id}", on_click=_start_again, args=(job,)
                )
            if job.rejects is not None:
                st.download_button(
                    "Rejected rows (CSV)",
                    data=job.rejects.read_bytes,
                    file_name=f"{job.spec.index}-rejected.csv",
                    mime="text/csv",
                    key=f"rejects-{job.job_id}",
                    on_click="ignore",
                )
            st.button(
                "Remove from the list",
                key=f"forget-{job.job_id}",
                type="tertiary",
                on_click=_forget,
                args=(job,),
            )


def _cancel(job: Job) -> None:
    with errors.shown():
        job.cancel()


def _start_again(job: Job) -> None:
    with errors.shown():
        jobs.start_again(job)


def _forget(job: Job) -> None:
    with errors.shown():
        jobs.forget(job)
