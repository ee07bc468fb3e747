"""Twenty browsers ask at once: `python -m tests.benchmarks.browsers --indexes FOLDER [--browsers 20] [--seconds 120]`
serves the app over the sample index, lets that many sessions of one Chromium ask one question after another, and
prints answers, errors, how long an answer took, who was told the place in the line, and the app's memory. Exit 1 where
there was an error, nobody was told the place, or memory grew by more than a tenth from the middle to the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from playwright.async_api import Browser, Error, Page, async_playwright

from rag.evaluation.questions import read_questions
from rag.evaluation.report import markdown_table
from tests.benchmarks.measuring import QUESTIONS
from tests.benchmarks.screenshots import FLAGS, served
from tests.benchmarks.threads import resident_mb
from ui.components.errors import SORRY
from ui.components.indexes import DEFAULT_INDEX

PATIENCE_S = 300.0  # for one answer, before it counts as an error
MOST_GROWTH = 1.1


@dataclass(slots=True)
class Asked:
    """What the browsers met: seconds to each answer, errors in words, how many questions were told
    their place, and the app's memory in MB at the start, in the middle and at the end.
    """

    waits: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    told: int = 0
    memory_mb: list[float] = field(default_factory=list)


async def ask(page: Page, question: str, result: Asked) -> None:
    """Ask, and wait for the answer. Raises Playwright's `Error` where none comes."""
    begun = time.monotonic()
    box = page.get_by_label("Your question")
    await box.fill(question)
    await box.press("Enter")
    # what stands there is of the question before until this one's heading is drawn
    await page.locator("h2.qa-question", has_text=question).wait_for()
    done = page.locator(".qa-about").or_(page.get_by_text(SORRY)).or_(page.locator("[role=alert]"))
    place, told = page.get_by_text("before you."), False
    busy = page.locator("[aria-busy=true]")  # the new question's; the answer takes its place
    while await busy.count() or not await done.count():
        told = told or bool(await place.count())
        if time.monotonic() - begun > PATIENCE_S:
            raise Error(f"no answer within {PATIENCE_S:.0f} s")
        await asyncio.sleep(0.2)
    if await page.locator(".qa-about").count():
        result.waits.append(time.monotonic() - begun)
    else:
        result.errors.append((await done.first.inner_text())[:200])
    result.told += told


async def session(browser: Browser, address: str, number: int, end: float, result: Asked) -> None:
    """Ask one question after another, each browser beginning with another, until `end`."""
    context = await browser.new_context()
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.on("pageerror", lambda error: result.errors.append(str(error)))
    questions = [question.question for question in read_questions(QUESTIONS)]
    try:
        await page.goto(address)
        for question in islice(cycle(questions), number, None):
            if time.monotonic() > end:
                break
            await ask(page, question, result)
    except Error as error:
        result.errors.append(f"browser {number}: {str(error).splitlines()[0]}")
    finally:
        await context.close()


async def run(address: str, process: int, browsers: int, seconds: float) -> Asked:
    """All browsers against the app, which is this process."""
    result = Asked()
    async with async_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        # whatever is loaded once is loaded before the clock runs
        await session(browser, address, 0, time.monotonic() + 1, Asked())
        result.memory_mb.append(resident_mb(process))
        begun = time.monotonic()
        all_of_them = asyncio.gather(
            *(session(browser, address, n, begun + seconds, result) for n in range(browsers))
        )
        await asyncio.sleep(seconds / 2)
        result.memory_mb.append(resident_mb(process))
        await all_of_them
        result.memory_mb.append(resident_mb(process))
        await browser.close()
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indexes", type=Path, default=Path("indexes"))
    parser.add_argument("--browsers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    given = parser.parse_args()
    if not (given.indexes / DEFAULT_INDEX / "CURRENT").is_file():
        raise SystemExit(f'There is no index "{DEFAULT_INDEX}" in {given.indexes}; see `make app`.')
    os.environ["REVIEWQA_GENERATOR__NAME"] = "extractive"
    with (
        tempfile.TemporaryDirectory() as kept,
        served(given.indexes.resolve(), Path(kept)) as (address, process),
    ):
        result = asyncio.run(run(address, process, given.browsers, given.seconds))
    half, most = (
        (f"{value:.1f} s" for value in np.percentile(result.waits, [50, 95]))
        if result.waits
        else ("", "")
    )
    start, middle, end = result.memory_mb
    rows: list[list[object]] = [
        ["browsers, seconds", f"{given.browsers}, {given.seconds:.0f}"],
        ["answers", len(result.waits)],
        ["errors", len(result.errors)],
        ["an answer took, median", half],
        ["an answer took, 95%", most],
        ["questions told their place", result.told],
        ["memory of the app: start, middle, end", f"{start:.0f}, {middle:.0f}, {end:.0f} MB"],
        ["processor cores", len(os.sched_getaffinity(0))],
    ]
    print(markdown_table(["what", "measured"], rows))
    print(*sorted(set(result.errors)), sep="\n")
    alone = given.browsers < 2
    return bool(result.errors or not (result.told or alone) or end > MOST_GROWTH * middle)


if __name__ == "__main__":
    sys.exit(main())
