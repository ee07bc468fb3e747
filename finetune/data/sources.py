"""Where training examples come from: the reviews themselves, and questions about them.

Examples of the kind "answer" are made as in RAFT (Zhang et al. 2024, arXiv:2403.10131): passages
that answer, mixed in random order with distractors from real retrieval; in a share of them none
that answers, and the refusal for target. Every target passes the check that answers pass: each
sentence is borne out by what it cites, or the example is left out. The passages of an example are
retrieved from its own side of the split (`finetune.data.split`) alone, so nothing held out is ever seen
in training.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from finetune.cached_embedder import RememberingEmbedder
from finetune.data.examples import Example, ExampleSet
from finetune.data.split import FEWEST, held_out_reviews, items_of
from finetune.recipe import DataRecipe
from rag.answering import prompt
from rag.answering.extractive import ExtractiveGenerator
from rag.answering.grounding import check_answer, is_refusal
from rag.config import Settings
from rag.embedding import Embedder
from rag.evaluation.question_sets import RetrievalQuestion, Span
from rag.evaluation.questions import Question
from rag.generators.base import Generator
from rag.index import ReviewIndex
from rag.retrieval import Limits, Ranking, renumbered, retrieve
from rag.schema import RetrievedChunk, Review
from rag.understanding.intent import TASKS

_GROUP = 8  # reviews in the prompt of a task
_CITED = 3  # reviews cited for one statement
_QUOTE_WORDS = range(5, 31)  # of a sentence that is quoted beside the statement it bears out
_REFUSALS = "refusals"  # the source of the examples that refuse, and of no other

Progress = Callable[[int, int], None]
Job = Callable[[], Example | None]


@dataclass
class ExampleMaker:
    """Makes examples from one index. Seeded: the same index and questions give the same examples."""

    index: ReviewIndex
    embedder: Embedder
    settings: Settings
    data: DataRecipe
    seed: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def make(
        self,
        questions: Sequence[Question] = (),
        spans: Sequence[RetrievalQuestion] = (),
        *,
        teacher: Generator | None = None,
        progress: Progress = lambda done, total: None,
    ) -> ExampleSet:
        """Examples of the kinds that the recipe names, from all the sources there are.

        `questions` with their key points or answers; `spans`, questions of SubjQA's kind with the
        words that answer them; `teacher` answers the questions that have neither, and the tasks
        (without one, the tasks are answered in the reviews' own words). Raises `SettingsError` for
        an index too small to hold reviews out.
        """
        self.left_out = Counter()
        self.embedder = RememberingEmbedder(self.embedder)
        held = held_out_reviews(self.index, self.data.held_out, self.seed)
        wanted = self.data.examples
        found: dict[bool, list[Example]] = {False: [], True: []}
        if "reviews" in wanted:
            for row, review in enumerate(self.index.reviews()):
                found[bool(held[row])].append(_of_review(review))
        jobs: list[tuple[bool, Job]] = []
        sided = [
            (one, side, self._allowed(one.item_id, held == side))
            for one, side in self._sided(questions, held)
        ]
        if "answers" in wanted:
            jobs += [
                (side, partial(self._of_question, one, allowed, teacher))
                for one, side, allowed in sided
            ]
            for marked in spans:
                if (side := self._side_of(marked.relevance, held)) is None:
                    self._left("it is not known in which review its answer was looked for")
                else:
                    jobs.append(
                        (
                            side,
                            partial(
                                self._of_spans, marked, self._allowed(marked.item_id, held == side)
                            ),
                        )
                    )
        if "tasks" in wanted:
            jobs += self._task_jobs(held, teacher)
        for number, (side, job) in enumerate(jobs, 1):
            if (example := job()) is not None:
                found[side].append(example)
            progress(number, len(jobs))
        return ExampleSet(found[False], found[True], dict(self.left_out))

    def _sided(
        self, questions: Sequence[Question], held: NDArray[np.bool_]
    ) -> Iterator[tuple[Question, bool]]:
        """Each question with whether it is held out. Those of a test split are never used.

        Where items are held out, as their items are, those of the dev split not being trained on;
        else as their split says, or if they have none, by their id.
        """
        split = {one.split for one in questions} & {"train", "dev"}
        by_item = self._items_held_out(held)
        for one in questions:
            if one.split == "test" and split:
                self._left("it is of the test split")
                continue
            side = (
                one.split == "dev"
                if split
                else self._draw(f"held out {one.id}") < self.data.held_out
            )
            if by_item:
                of_reviews = self._side_of(one.review_ids, held)
                if of_reviews is not None:
                    side = of_reviews
                elif one.item_id:
                    side = bool(held[self._items == one.item_id].any())
                if one.split == "dev" and not side:
                    self._left("it is of the dev split, and its item is trained on")
                    continue
            yield one, side

    def _items_held_out(self, held: NDArray[np.bool_]) -> bool:
        return len(set(self._items)) >= 2 * FEWEST and not set(self._items[held]) & set(
            self._items[~held]
        )

    def _side_of(self, review_ids: Iterable[str], held: NDArray[np.bool_]) -> bool | None:
        rows = [row for one in sorted(review_ids) if (row := self._rows.get(one)) is not None]
        return bool(held[rows[0]]) if rows else None

    def _allowed(self, item_id: str, side: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The reviews of one side, of one item where the question is about one."""
        return side & (self._items == item_id) if item_id else side

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {review_id: row for row, review_id in enumerate(self.index.review_ids())}

    @cached_property
    def _items(self) -> NDArray[np.str_]:
        return items_of(self.index)

    @cached_property
    def _digest(self) -> ExtractiveGenerator:
        return ExtractiveGenerator(self.embedder, self.index.stance)

    def _of_question(
        self, question: Question, allowed: NDArray[np.bool_], teacher: Generator | None
    ) -> Example | None:
        known = bool(question.review_ids)  # which reviews answer; else whatever is found may
        gold = (
            allowed & self._mask(question.review_ids)
            if known or not question.answerable
            else allowed
        )
        others = allowed & ~gold
        if not question.answerable or (known and self._draw(question.id) < self.data.no_answer):
            return self._refusal(question.id, question.question, others)
        passages = self._passages(question.id, question.question, gold, others)
        if not passages:
            return self._left("none of the question's reviews is on its side of the split")
        statements = [f"{point.rstrip('. ')}." for point in question.key_points] or [
            question.answer
        ]
        right = [one for one in passages if not known or gold[self._rows[one.review.review_id]]]
        source = "questions"
        target = self._cited(question.id, statements, right) if any(statements) else ""
        if not target and teacher is not None:
            target, source = self._taught(teacher, question.question, passages), "teacher"
        return self._answer(question.id, source, question.question, passages, target)

    def _of_spans(self, question: RetrievalQuestion, allowed: NDArray[np.bool_]) -> Example | None:
        gold = self._mask(question.relevance) & allowed
        others = allowed & ~gold
        if not question.spans or self._draw(question.id) < self.data.no_answer:
            return self._refusal(question.id, question.question, others)
        found = [
            passage
            for passage in self._retrieved(question.question, gold, 50)
            if _quoted(passage, question.spans)
        ]
        distractors = self._retrieved(question.question, others, self.data.distractors)
        passages = self._shuffled(question.id, [*found[:2], *distractors])
        lines = [
            f"“{quote}” {prompt.write_marker([passage.number])}"
            for passage in passages
            for quote in _quoted(passage, question.spans)[:1]
        ]
        return self._answer(question.id, "spans", question.question, passages, " ".join(lines))

    def _task_jobs(
        self, held: NDArray[np.bool_], teacher: Generator | None
    ) -> list[tuple[bool, Job]]:
        teacher = teacher or self._digest
        jobs: list[tuple[bool, Job]] = []
        for side in (False, True):
            leaders = [int(row) for row in np.unique(self.index.review_group) if held[row] == side]
            order = np.random.default_rng(self.seed).permutation(leaders)
            for start in range(0, len(order) - FEWEST + 1, _GROUP):
                rows = order[start : start + _GROUP].tolist()
                for task in TASKS:
                    name = f"task-{task.name}-{side:d}-{start // _GROUP}"
                    jobs.append((side, partial(self._of_task, name, task.question, rows, teacher)))
        return jobs

    def _of_task(
        self, name: str, task: str, rows: Sequence[int], teacher: Generator
    ) -> Example | None:
        mask = np.zeros(self.index.manifest.reviews, dtype=np.bool_)
        mask[rows] = True
        passages = self._retrieved(task, mask, len(rows))
        return self._answer(
            name, teacher.name, task, passages, self._taught(teacher, task, passages), kind="task"
        )

    def _refusal(self, name: str, question: str, others: NDArray[np.bool_]) -> Example | None:
        passages = self._shuffled(
            name, self._retrieved(question, others, 1 + self.data.distractors)
        )
        if not passages:
            return self._left("there are no reviews to refuse to answer from")
        return self._answer(name, _REFUSALS, question, passages, prompt.REFUSAL)

    def _answer(
        self,
        name: str,
        source: str,
        question: str,
        passages: Sequence[RetrievedChunk],
        target: str,
        kind: str = "answer",
    ) -> Example | None:
        """The example, if the target passes the check that answers pass."""
        if not target:
            return self._left("no statement of the answer is borne out by the passages")
        if source != _REFUSALS:
            sentences, dropped = check_answer(
                target,
                passages,
                self.index,
                self.embedder,
                threshold=self.settings.answering.support_threshold,
            )
            if is_refusal(sentences):
                return self._left(f"the answer is a refusal (from {source})")
            if dropped or not sentences or not all(one.supported for one in sentences):
                return self._left(f"the check did not pass the answer (from {source})")
        return Example(
            name,
            kind,
            source,
            tuple(prompt.build_messages(question, passages)),
            target,
            tuple(sorted({passage.review.review_id for passage in passages})),
        )

    def _taught(self, teacher: Generator, question: str, passages: Sequence[RetrievedChunk]) -> str:
        messages = prompt.build_messages(question, passages)
        return "".join(
            teacher.stream(messages, max_new_tokens=self.settings.generator.max_new_tokens)
        ).strip()

    def _passages(
        self, name: str, question: str, gold: NDArray[np.bool_], others: NDArray[np.bool_]
    ) -> list[RetrievedChunk]:
        found = self._retrieved(
            question, gold, max(1, self.settings.retrieval.top_k - self.data.distractors)
        )
        if not found:
            return []
        return self._shuffled(
            name, [*found, *self._retrieved(question, others, self.data.distractors)]
        )

    def _retrieved(
        self, question: str, reviews: NDArray[np.bool_], most: int
    ) -> list[RetrievedChunk]:
        if not most or not reviews.any():
            return []
        limits = replace(Limits.of(self.settings), top_k=most)
        mask = reviews[self.index.sentence_review]
        return retrieve(
            self.index, self.embedder, question, limits, mask, ranking=Ranking.of(self.settings)
        )

    def _cited(self, name: str, statements: Sequence[str], right: Sequence[RetrievedChunk]) -> str:
        """Each statement that a passage of `right` bears out, with those that do; every other one
        with a quotation.
        """
        lines = []
        for vector, statement in zip(
            self.embedder.embed_documents(list(statements)), statements, strict=True
        ):
            near = []
            for passage in right:
                cosines = self.index.vectors([one.row for one in passage.sentences]) @ vector
                best = int(np.argmax(cosines))
                near.append((float(cosines[best]), passage.number, passage.sentences[best].text))
            near = sorted(
                (one for one in near if one[0] >= self.settings.answering.support_threshold),
                reverse=True,
            )[:_CITED]
            if not near:
                continue
            lines.append(
                f"{statement} {prompt.write_marker(sorted(number for _, number, _ in near))}"
            )
            _, number, sentence = near[0]
            quote = prompt.fence(sentence).replace("“", "‘").replace("”", "’").replace('"', "'")
            if len(quote.split()) in _QUOTE_WORDS and self._draw(f"{name} {statement}") < 0.5:
                lines.append(f"One writes: “{quote}” {prompt.write_marker([number])}")
        return " ".join(lines)

    def _mask(self, review_ids: Iterable[str]) -> NDArray[np.bool_]:
        """The reviews (reviews,) of these ids, and their copies."""
        rows = self._rows
        groups = {int(self.index.review_group[rows[one]]) for one in review_ids if one in rows}
        return np.isin(self.index.review_group, list(groups))

    def _shuffled(self, name: str, passages: Sequence[RetrievedChunk]) -> list[RetrievedChunk]:
        generator = np.random.default_rng(
            [self.seed, int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)]
        )
        return renumbered(
            passages[place] for place in generator.permutation(len(passages)).tolist()
        )

    def _draw(self, name: str) -> float:
        """A number in 0..1 that depends on the seed and the name alone."""
        return int(hashlib.sha256(f"{self.seed} {name}".encode()).hexdigest()[8:16], 16) / 2**32

    def _left(self, why: str) -> Example | None:
        self.left_out[why] += 1
        return None


def _of_review(review: Review) -> Example:
    text = "\n".join(filter(None, (review.title, review.text)))
    return Example(f"review-{review.review_id}", "review", "reviews", (), text, (review.review_id,))


def _quoted(passage: RetrievedChunk, spans: Sequence[Span]) -> list[str]:
    """What a passage has of the spans, each widened to whole sentences where it is short, fenced as
    in the prompt.
    """
    found = []
    for review_id, start, end in spans:
        if passage.review.review_id != review_id:
            continue
        sentences = [one for one in passage.sentences if one.start < end and start < one.end]
        if sentences:
            text = passage.review.text[sentences[0].start : sentences[-1].end]
            if len(text.split()) in _QUOTE_WORDS:
                found.append(
                    prompt.fence(text).replace("“", "‘").replace("”", "’").replace('"', "'")
                )
    return found
