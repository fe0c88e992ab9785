"""inspect_ai tasks over the JSONL files beside this one: ``inspect eval nast_inspect.py@mednega``.

Options of every task (``-T name=value``): ``wording`` (negated or affirmative; both if not given),
``images=false`` (the text-only control), ``shuffle=SEED`` (another order of options), ``cot=true``
(think first).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import nast_metrics as metrics  # noqa: E402
from inspect_ai import Task, task  # noqa: E402
from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402
from inspect_ai.model import (  # noqa: E402
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
)
from inspect_ai.scorer import (  # noqa: E402
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    accuracy,
    grouped,
    metric,
    scorer,
    stderr,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver  # noqa: E402
from nast_answer_reader import read_answer  # noqa: E402

COT = "Think step by step. End with one line: ANSWER: LETTER"


def load(name: str, wording: str | None, images: bool, shuffle: int | None) -> MemoryDataset:
    """Read a JSONL file into samples; image paths are made absolute."""
    samples = []
    for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if wording and row["wording"] != wording:
            continue
        text = ContentText(text=row["question"])
        image = Path(row["image"])
        shown = image if image.is_absolute() else HERE / image
        content: list[Any] = [ContentImage(image=str(shown)), text] if images else [text]
        kept = ("wording", "item_id", "group_id", "group_size", "patient_id", "category", "split")
        samples.append(
            Sample(
                id=row["id"],
                input=[ChatMessageUser(content=content)],
                choices=row["choices"],
                target=row["target"],
                metadata={k: row[k] for k in kept},
            )
        )
    if not samples:
        raise ValueError(f"{name}.jsonl has no rows of the wording {wording!r}")
    dataset = MemoryDataset(samples, name=f"nast_{name}")
    if shuffle is not None:
        dataset.shuffle_choices(shuffle)
    return dataset


@solver
def ask(cot: bool = False) -> Solver:
    """Put the question and its lettered options, as nastdata's own evaluation does."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        options = [c.value for c in state.choices]
        text = metrics.word_question(state.user_prompt.text, options)
        if cot:
            text = text.rsplit("\n", 1)[0] + f"\n{COT}"
        state.user_prompt.text = text
        return await generate(state)

    return solve


def _rows(scores: list[SampleScore]) -> list[dict[str, Any]]:
    out = []
    for s in scores:
        metadata = s.sample_metadata or {}
        read = (s.score.metadata or {}).get("read")
        out.append({**metadata, "score": s.score.as_float(), "unusable": float(read is None)})
    return out


@metric
def whole_groups() -> Metric:
    """Share of groups with every item right; groups cut off by a limit don't count."""

    def compute(scores: list[SampleScore]) -> float:
        return metrics.whole_groups(_rows(scores))

    return compute


@metric
def gap() -> Metric:
    """Accuracy with affirmative minus with negated options, paired by item."""

    def compute(scores: list[SampleScore]) -> float:
        return metrics.gap(_rows(scores))

    return compute


@metric
def unusable() -> Metric:
    """Share of answers from which no option could be read; they count as wrong."""

    def compute(scores: list[SampleScore]) -> float:
        return metrics.unusable(_rows(scores))

    return compute


FIGURES: list[Any] = [accuracy(), stderr(cluster="patient_id"), whole_groups(), unusable()]


@scorer(metrics=[*FIGURES, gap(), grouped(accuracy(), "wording")])
def read_choice() -> Scorer:
    """Compare the option that an answer names with the true one; an answer is never guessed at."""
    return _make_scorer()


@scorer(metrics=[*FIGURES, grouped(accuracy(), "category")])
def read_claim() -> Scorer:
    """As ``read_choice``, for claim sets, which have one wording."""
    return _make_scorer()


def _make_scorer() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        said = state.output.completion
        cut = state.output.stop_reason == "max_tokens"
        reading = read_answer(said, [c.value for c in state.choices], cut=cut)
        return Score(
            value="C" if reading.letter == target.text else "I",
            answer=reading.letter,
            explanation=said,
            metadata={"read": reading.letter, "how": reading.reason},
        )

    return score


def _make(
    name: str, wording: str | None, images: bool, shuffle: int | None, cot: bool, max_tokens: int | None
) -> Task:
    return Task(
        dataset=load(name, wording, images, shuffle),
        solver=ask(cot),
        scorer=read_choice() if name == "mednega" else read_claim(),
        config=GenerateConfig(temperature=0, max_tokens=max_tokens or (4096 if cot else 1024)),
    )


@task
def mednega(
    wording: str | None = None,
    images: bool = True,
    shuffle: int | None = None,
    cot: bool = False,
    max_tokens: int | None = None,
) -> Task:
    """MedNega: four options, in two wordings."""
    return _make("mednega", wording, images, shuffle, cot, max_tokens)


@task
def protocols(
    images: bool = True, shuffle: int | None = None, cot: bool = False, max_tokens: int | None = None
) -> Task:
    """Presence and absence, two-way choice, report alignment."""
    return _make("protocols", None, images, shuffle, cot, max_tokens)


@task
def claims(
    images: bool = True, shuffle: int | None = None, cot: bool = False, max_tokens: int | None = None
) -> Task:
    """Claim sets: one of several claims is true."""
    return _make("claims", None, images, shuffle, cot, max_tokens)
