"""Where training examples come from: the reviews themselves, and questions about them.

Examples of the kind "answer" are made as in RAFT (Zhang et al. 2024, arXiv:2403.10131): passages
that answer, mixed in random order with distractors from real retrieval; in a share of them none
that answers, and the refusal for target. Every target passes the check that answers pass: each
sentence is borne out by what it cites, or the example is left out. The passages of an example are
retrieved from its own side of the split (`finetune.data.split`) alone, so nothing held out is ever
seen in training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from finetune.cached_embedder import CachedEmbedder
from finetune.data.examples import Example, ExampleSet
from finetune.data.passages import PassageFinder, quotations
from finetune.data.split import FEWEST, Reviews, Split, held_out_reviews
from finetune.recipe import DataRecipe
from rag.answering import prompt
from rag.answering.extractive import ExtractiveAnswerer
from rag.answering.grounding import check_answer, is_refusal
from rag.config import Settings
from rag.embedding import Embedder, query_vector
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.questions import Question
from rag.generators import Generator
from rag.index import ReviewIndex
from rag.progress import Progress, no_progress
from rag.retrieval.evidence import Evidence
from rag.schema import RetrievedChunk, Review
from rag.understanding.intent import TASKS
from rag.understanding.plan import plain_plan

_CHARACTERS = 4  # to a token, about
_GROUP = 8  # reviews in the prompt of a task
_REFUSALS = "refusals"  # the source of the examples that refuse, and of no other


@dataclass(frozen=True, slots=True)
class Quotations:
    """Answers in the reviews' own words, as those without a language model are."""

    name: str = ExtractiveAnswerer.name


Teacher = Generator | Quotations
"""Who answers where there is no answer."""

Job = tuple[bool, Callable[[], Example | None]]
"""Whether the example is held out, and what makes it."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """An example whose target is not checked yet."""

    id: str
    source: str
    question: str
    passages: Sequence[RetrievedChunk]
    target: str
    kind: str = "answer"


@dataclass
class ExampleMaker:
    """Makes examples from one index; the same ones for the same index, questions and seed."""

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
        teacher: Teacher | None = None,
        progress: Progress = no_progress,
    ) -> ExampleSet:
        """Examples of the kinds that the recipe names, from all the sources there are.

        `questions` with their key points or answers; `spans`, questions of SubjQA's kind with the
        words that answer them; `teacher` answers the questions that have neither, and the tasks
        (without one, the tasks are answered in the reviews' own words). Raises `SettingsError` for
        an index too small to hold reviews out.
        """
        self.left_out = Counter()
        self.embedder = CachedEmbedder(self.embedder)
        self.finder = PassageFinder(
            self.index, self.embedder, self.settings, self.data.distractors, self.seed
        )
        held_out = held_out_reviews(self.index, self.data.held_out, self.seed)
        self.split = Split(self.index, held_out)
        sides: dict[bool, list[Example]] = {False: [], True: []}
        if "reviews" in self.data.examples:
            for row, review in enumerate(self.index.reviews()):
                sides[bool(held_out[row])].append(_of_review(review))
        jobs: list[Job] = []
        if "answers" in self.data.examples:
            jobs += [*self._question_jobs(questions, teacher), *self._span_jobs(spans)]
        if "tasks" in self.data.examples:
            jobs += self._task_jobs(teacher or Quotations())
        for number, (side, job) in enumerate(jobs, 1):
            if (example := job()) is not None:
                sides[side].append(example)
            progress("examples", number, len(jobs))
        return ExampleSet(sides[False], sides[True], dict(self.left_out))

    def _question_jobs(
        self, questions: Sequence[Question], teacher: Teacher | None
    ) -> Iterator[Job]:
        """Those of a test split are never used.

        Where items are held out, questions are as their items are, those of the dev split not being
        trained on; else as their split says, or if they have none, by their id.
        """
        has_splits = not {"train", "dev"}.isdisjoint(question.split for question in questions)
        for question in questions:
            if question.split == "test" and has_splits:
                self._leave_out("it is of the test split")
                continue
            side = self._side_of(question, has_splits)
            if self.split.whole_items and question.split == "dev" and not side:
                self._leave_out("it is of the dev split, and its item is trained on")
                continue
            allowed = self.split.reviews(side, question.item_id)
            yield side, partial(self._of_question, question, allowed, teacher)

    def _side_of(self, question: Question, has_splits: bool) -> bool:
        if self.split.whole_items:
            side = self.split.side_of(question.review_ids)
            if side is not None:
                return side
            if question.item_id:
                return bool(self.split.reviews(True, question.item_id).any())
        if has_splits:
            return question.split == "dev"
        return self.finder.draw(f"held out {question.id}") < self.data.held_out

    def _span_jobs(self, spans: Sequence[RetrievalQuestion]) -> Iterator[Job]:
        for question in spans:
            side = self.split.side_of(question.relevance)
            if side is None:
                self._leave_out("it is not known in which review its answer was looked for")
            else:
                allowed = self.split.reviews(side, question.item_id)
                yield side, partial(self._of_spans, question, allowed)

    def _task_jobs(self, teacher: Teacher) -> Iterator[Job]:
        leaders = np.unique(self.index.review_group)
        for side in (False, True):
            on_side = leaders[self.split.held_out[leaders] == side].tolist()
            order = np.random.default_rng(self.seed).permutation(on_side)
            for start in range(0, len(order) - FEWEST + 1, _GROUP):
                reviews = np.zeros(self.index.manifest.reviews, dtype=np.bool_)
                reviews[order[start : start + _GROUP].astype(np.int64)] = True
                for task in TASKS:
                    name = f"task-{task.name}-{side:d}-{start // _GROUP}"
                    yield side, partial(self._of_task, name, task.question, reviews, teacher)

    def _of_question(
        self, question: Question, allowed: Reviews, teacher: Teacher | None
    ) -> Example | None:
        has_gold = bool(question.review_ids)  # else whatever is found may answer
        gold = allowed
        if has_gold or not question.answerable:
            gold = allowed & self.split.with_copies(question.review_ids)
        others = allowed & ~gold
        if not question.answerable or (has_gold and self._is_to_be_refused(question.id)):
            return self._refusal(question.id, question.question, others)
        passages = self.finder.answering(question.id, question.question, gold, others)
        if not passages:
            return self._leave_out("none of the question's reviews is on its side of the split")
        right = [
            passage
            for passage in passages
            if not has_gold or gold[self.split.rows[passage.review.review_id]]
        ]
        points = [f"{point.rstrip('. ')}." for point in question.key_points]
        statements = points or [question.answer]
        source = "questions"
        target = self.finder.cite(question.id, statements, right) if any(statements) else ""
        if not target and teacher is not None:
            target, source = self._taught(teacher, question.question, passages), "teacher"
        return self._checked(_Draft(question.id, source, question.question, passages, target))

    def _of_spans(self, question: RetrievalQuestion, allowed: Reviews) -> Example | None:
        gold = self.split.with_copies(question.relevance) & allowed
        others = allowed & ~gold
        if not question.spans or self._is_to_be_refused(question.id):
            return self._refusal(question.id, question.question, others)
        quoted = [
            passage
            for passage in self.finder.retrieve(question.question, gold, 50)
            if quotations(passage, question.spans)
        ]
        distractors = self.finder.retrieve(question.question, others, self.data.distractors)
        passages = self.finder.shuffled(question.id, [*quoted[:2], *distractors])
        lines = []
        for passage in passages:
            for quote in quotations(passage, question.spans)[:1]:
                lines.append(f"“{quote}” {prompt.write_marker([passage.number])}")
        target = " ".join(lines)
        return self._checked(_Draft(question.id, "spans", question.question, passages, target))

    def _of_task(
        self, name: str, question: str, reviews: Reviews, teacher: Teacher
    ) -> Example | None:
        passages = self.finder.retrieve(question, reviews, int(reviews.sum()))
        target = self._taught(teacher, question, passages)
        return self._checked(_Draft(name, teacher.name, question, passages, target, kind="task"))

    def _refusal(self, name: str, question: str, others: Reviews) -> Example | None:
        nearest = self.finder.retrieve(question, others, 1 + self.data.distractors)
        if not nearest:
            return self._leave_out("there are no reviews to refuse to answer from")
        passages = self.finder.shuffled(name, nearest)
        return self._checked(_Draft(name, _REFUSALS, question, passages, prompt.REFUSAL))

    def _is_to_be_refused(self, name: str) -> bool:
        return self.finder.draw(name) < self.data.no_answer

    def _taught(self, teacher: Teacher, question: str, passages: Sequence[RetrievedChunk]) -> str:
        """What a teacher answers: the one place that asks it."""
        most = self.settings.generator.max_new_tokens
        if isinstance(teacher, Quotations):
            return self._quoted(question, passages, most * _CHARACTERS)
        messages = prompt.build_messages(question, passages)
        return "".join(teacher.stream(messages, max_new_tokens=most)).strip()

    def _quoted(self, question: str, passages: Sequence[RetrievedChunk], most: int) -> str:
        """The passages' answer in their own words, of about `most` characters."""
        plan = plain_plan(question, self.embedder.embed_queries)
        vector = None if plan.is_overview else query_vector(self.embedder, question)
        answerer = ExtractiveAnswerer(most_characters=most)
        pieces = answerer.answer(plan, Evidence.of(self.index, passages, vector))
        return "".join(piece for piece in pieces if isinstance(piece, str)).strip()

    def _checked(self, draft: _Draft) -> Example | None:
        """The example, if its target passes the check that answers pass."""
        if not draft.target:
            return self._leave_out("no statement of the answer is borne out by the passages")
        if draft.source != _REFUSALS:
            threshold = self.settings.answering.support_threshold
            sentences, dropped = check_answer(
                draft.target, draft.passages, self.index, self.embedder, threshold=threshold
            )
            if is_refusal(sentences):
                return self._leave_out(f"the answer is a refusal (from {draft.source})")
            if dropped or not sentences or not all(sentence.supported for sentence in sentences):
                return self._leave_out(f"the check did not pass the answer (from {draft.source})")
        return Example(
            draft.id,
            draft.kind,
            draft.source,
            tuple(prompt.build_messages(draft.question, draft.passages)),
            draft.target,
            tuple(sorted({passage.review.review_id for passage in draft.passages})),
        )

    def _leave_out(self, reason: str) -> Example | None:
        self.left_out[reason] += 1
        return None


def _of_review(review: Review) -> Example:
    text = "\n".join(filter(None, (review.title, review.text)))
    return Example(f"review-{review.review_id}", "review", "reviews", (), text, (review.review_id,))
