"""What lmms-eval's tasks need: documents, prompts, a reader of answers that never guesses, metrics."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)

import nast_metrics as metrics  # noqa: E402
from nast_answer_reader import read_answer  # noqa: E402

Doc = dict[str, Any]


def process_docs(dataset: Any) -> Any:
    """Return one document a wording: the images stay stored once."""
    rows, wordings = [], []
    for i, names in enumerate(dataset["wordings"]):
        rows += [i] * len(names)
        wordings += names
    return dataset.select(rows).add_column("wording", wordings)


def get_options(doc: Doc) -> Sequence[str]:
    """Return the options of a document's wording."""
    options: Sequence[str] = doc["choices"][list(doc["wordings"]).index(doc["wording"])]
    return options


def doc_to_visual(doc: Doc) -> list[Any]:
    """Return the image."""
    return [doc["image"].convert("RGB")]


def doc_to_no_visual(doc: Doc) -> list[Any]:
    """Return no image: the text-only control."""
    return []


def doc_to_text(doc: Doc, lmms_eval_specific_kwargs: Any = None) -> str:
    """Return the prompt."""
    given = lmms_eval_specific_kwargs or {}
    text = metrics.word_question(doc["question"], get_options(doc))
    return f"{given.get('pre_prompt', '')}{text}{given.get('post_prompt', '')}"


def doc_to_target(doc: Doc) -> str:
    """Return the letter of the true option."""
    return str(doc["answer"])


def process_results(doc: Doc, results: Sequence[str]) -> dict[str, Any]:
    """Read the answer; unusable ones are wrong, and counted."""
    reading = read_answer(results[0], list(get_options(doc)))
    row = {
        "score": float(reading.letter == doc["answer"]),
        "unusable": float(reading.letter is None),
        "read": reading.letter,
        "how": reading.reason,
        **{k: doc[k] for k in ("wording", "item_id", "group_id", "group_size", "patient_id")},
    }
    # "score" would make lmms-eval print a standard error of items where that is not what is averaged
    rest = {("right" if k == "score" else k): v for k, v in row.items()}
    out = {doc["wording"]: row, f"whole_groups_{doc['wording']}": rest, "unusable": rest}
    if doc["wording"] in ("negated", "affirmative"):
        out["gap"] = rest
    return out


def _with_score(rows: Sequence[Doc]) -> list[Doc]:
    return [{**r, "score": r["right"]} for r in rows]


def agg_accuracy(rows: Sequence[Doc]) -> float:
    """Aggregate ``negated``, ``affirmative``, ``claims``."""
    return metrics.accuracy(rows)


def agg_gap(rows: Sequence[Doc]) -> float:
    """Aggregate ``gap``."""
    return metrics.gap(_with_score(rows))


def agg_whole_groups(rows: Sequence[Doc]) -> float:
    """Aggregate ``whole_groups_*``."""
    return metrics.whole_groups(_with_score(rows))


def agg_unusable(rows: Sequence[Doc]) -> float:
    """Aggregate ``unusable``."""
    return metrics.unusable(rows)
