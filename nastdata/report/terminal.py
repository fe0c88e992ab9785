"""Rows as text, for ``nastdata preview``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]


def show_row(config: str, row: Row) -> str:
    """Return one dataset row as lines of text; the right answer is starred."""
    return "\n".join([f"[{config}] {row['study_id']} ({row['source']}, {row['split']})", *SHOW[config](row)])


def _show_mednega(row: Row) -> list[str]:
    lines = [row["question"]]
    for letter, negated, affirmative in zip(
        "ABCD", row["negated_choices"], row["affirmative_choices"], strict=True
    ):
        star = "*" if row["answer"] == letter else " "
        lines += [f" {star} {letter}  {negated}", f"      {affirmative}"]
    return lines


def _show_claims(row: Row) -> list[str]:
    head = f"{row['condition']}, {row['negation_type']}, {row['set_kind']}"
    marks = ["*" if i == row["answer"] else " " for i in range(len(row["claims"]))]
    return [head, *(f" {m} {claim}" for m, claim in zip(marks, row["claims"], strict=True))]


def _show_caption(row: Row) -> list[str]:
    return [f"   {row['caption']}   ({row['polarity']}, {row['negation_type']})"]


def _show_probe(row: Row) -> list[str]:
    return [f" * {row['correct']}", f"   {row['foil']}   (negation in the {row['negation_in']})"]


def _show_opposition(row: Row) -> list[str]:
    return [
        f"   {row['image_id']}: {row['prompt']}",
        f"   {row['distractor_image_id']}: {row['distractor_prompt']}",
    ]


def _show_protocol(row: Row) -> list[str]:
    head = f"{row['protocol']}, {row['condition']}: {row['question']}"
    marks = ["*" if i == row["answer"] else " " for i in range(len(row["choices"]))]
    return [head, *(f" {m} {text}" for m, text in zip(marks, row["choices"], strict=True))]


SHOW: dict[str, Callable[[Row], list[str]]] = {
    "mednega": _show_mednega,
    "contextual_claims": _show_claims,
    "contextual_captions": _show_caption,
    "probes": _show_probe,
    "opposition": _show_opposition,
    "protocols": _show_protocol,
}
