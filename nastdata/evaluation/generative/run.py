"""One generative model on several datasets: questions, answers, outcomes, and what belongs in the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nastdata.evaluation.generative.asking import Account, Answered, ask_all
from nastdata.evaluation.generative.endpoint import Endpoint, split_spec
from nastdata.evaluation.generative.images import Encoder, Gate, check_images_may_go
from nastdata.evaluation.generative.local_model import LocalModel
from nastdata.evaluation.generative.models import VisionModel
from nastdata.evaluation.generative.questions import VisionQuestion, put_questions, read_questions
from nastdata.evaluation.generative.settings import VisionSettings
from nastdata.evaluation.generative.summary import make_outcomes, report_letters, report_unusable
from nastdata.evaluation.outcomes import Outcome
from nastdata.models.dataset_rows import Data

KINDS = ("vlm:", "vlm-local:")


@dataclass(frozen=True)
class Judged:
    """What came of one model on one dataset."""

    outcomes: list[Outcome]
    answers: list[Answered]
    report: dict[str, Any]
    """Unusable answers, letters, ledger, notes, and what was decided about images."""


def is_generative(spec: str) -> bool:
    """Whether a model is asked in words."""
    return spec.startswith(KINDS)


def judge_vlm(
    spec: str,
    data: Data,
    settings: Any,
    cache: Path | None,
    vision: VisionSettings | None = None,
    *,
    device: str = "cpu",
    say: Callable[[str], None] = lambda _text: None,
) -> Judged:
    """Ask a model all of a dataset's questions.

    Args:
        spec: ``vlm:MODEL@BASE_URL`` or ``vlm-local:FOLDER``.
        data: the dataset.
        settings: ``EvaluateSettings``: split, limit, seed, bootstrap.
        cache: folder of the kept answers; None keeps none.
        vision: how to ask.
        device: where a local model runs.
        say: takes lines that tell how far it is.

    Raises:
        UserError: if the terms forbid sending the images there, the server can't be used, or there is nothing
            to ask.
    """
    vision = vision or VisionSettings()
    questions, notes = read_questions(data, settings.split, settings.limit)
    images = Encoder(data.store)
    model, gate = open_model(spec, questions, images, vision, device)
    asked, alone = put_questions(
        questions,
        orders=vision.orders,
        controls=vision.controls,
        seed=settings.seed,
        instruction=vision.instruction,
    )
    if alone:
        notes.append(f"{alone:,} questions have no other patient's image and are not in @swapped")
    try:
        answers, account = ask_all(model, asked, images, vision, cache, say)
    finally:
        model.close()
    notes += [*model.notes, *_warn(account, spec)]
    report = {
        "unusable": report_unusable(answers, settings.bootstrap, settings.seed),
        "letters": report_letters(answers),
        "ledger": account.to_json(vision),
        "images": gate.to_json(),
        "notes": notes,
    }
    return Judged(make_outcomes(answers), answers, report)


def open_model(
    spec: str, questions: Sequence[VisionQuestion], images: Encoder, vision: VisionSettings, device: str
) -> tuple[VisionModel, Gate]:
    """Return the model, once it is sure that the images may go there.

    Raises:
        UserError: if they may not.
    """
    sources = sorted({q.image[0] for q in questions})
    if spec.startswith("vlm-local:"):
        gate = Gate((), "in this process", None)
        return LocalModel(spec, vision, images, device), gate
    gate = check_images_may_go(sources, split_spec(spec)[1], vision.permission)
    return Endpoint(spec, vision, images, gate), gate


def merge_reports(parts: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Join the reports of one model on several datasets, by dataset where there are several."""
    if len(parts) == 1:
        return parts[0][1]
    return {"datasets": dict(parts)}


def _warn(account: Account, spec: str) -> list[str]:
    out = []
    said = {m for m in account.models_said if m != "not said"}
    if len(said) > 1:
        out.append(f"answers came from several models: {', '.join(sorted(said))}")
    failed = sum(account.failed.values())
    if failed:
        reasons = ", ".join(f"{r}: {n:,}" for r, n in account.failed.most_common(3))
        out.append(f"{failed:,} questions got no answer ({reasons}); run again to ask these")
    return out
