"""MedNega items as questions for other tools, and the judge of what any of them lets in.

The judge goes by an item's labels and the ontology's names; it knows the scripted model's English and nothing
of the package's parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from competitors.scripted_model import judge
from nastdata.ontology import Condition, Ontology, find_alternative

NEGATED = """Write the four options of a multiple-choice question about a chest X-ray, one sentence a line.
State every finding of the line as it is marked, an absent one by a negation, and name nothing else.

{lines}

Answer with JSON: {{"sentences": [...]}}, four sentences in this order."""

AFFIRMATIVE = """Rewrite each sentence without any negation; put these phrases in place of denied findings:
{pairs}

SENTENCES

Answer with JSON: {{"sentences": [...]}}, in this order."""

BOTH = """Write the four options of a multiple-choice question about a chest X-ray, one sentence a line.
State every finding of the line as it is marked, an absent one by a negation, and name nothing else.

{lines}

Then write each again without any negation; put these phrases in the place of denied findings:
{pairs}

Answer with JSON: {{"negated": [...], "affirmative": [...]}}, four sentences each, in this order."""


@dataclass(frozen=True)
class Judged:
    """What a tool let in."""

    items: int
    wrong_items: int
    """Items with a text that does not state its labels."""
    wrong_texts: int
    by_template: int
    """Items with a text that is not the model's, which are not judged."""


def list_tasks(items: Sequence[dict[str, Any]], ontology: Ontology) -> list[dict[str, str]]:
    """Return questions about items: ``first`` and ``second`` for two calls an item, ``prompt`` for one."""
    tasks = []
    for item in items:
        conditions = [ontology.condition_by_name[c] for c in item["conditions"]]
        lines = "\n".join(
            f"{i}. "
            + "; ".join(
                f"{c.text}: {'present' if x else 'absent'}" for c, x in zip(conditions, v, strict=True)
            )
            for i, v in enumerate(item["choice_labels"], 1)
        )
        pairs = "\n".join(f'- absence of {c.text}: "{_find_phrase(item, c)}"' for c in conditions)
        tasks.append(
            {
                "id": item["item_id"],
                "first": NEGATED.format(lines=lines),
                "second": AFFIRMATIVE.format(pairs=pairs),
                "prompt": BOTH.format(lines=lines, pairs=pairs),
            }
        )
    return tasks


def _find_phrase(item: dict[str, Any], condition: Condition) -> str:
    """Return the affirmative phrase that an item's texts use for the absence of a condition."""
    numbers = (find_alternative(t, condition) for t in item["affirmative_choices"])
    return condition.affirmative[next((n for n in numbers if n is not None), 0)].text


def judge_items(items: Sequence[dict[str, Any]], ontology: Ontology) -> Judged:
    """Judge items: rows of a dataset, or rows of the same form made of another tool's answers."""
    wrong_items = wrong_texts = by_template = 0
    for item in items:
        if "template" in item.get("realizer", ""):
            by_template += 1
            continue
        conditions = [ontology.condition_by_name[c] for c in item["conditions"]]
        wrong = abs(len(item["negated_choices"]) - 4) + abs(len(item["affirmative_choices"]) - 4)
        for labels, negated, affirmative in zip(
            item["choice_labels"], item["negated_choices"], item["affirmative_choices"], strict=False
        ):
            facts = list(zip(conditions, labels, strict=True))
            wrong += not judge(negated, {c.text.lower(): x for c, x in facts})
            wrong += not judge(
                affirmative, {(c.text if x else _find_phrase(item, c)).lower(): 1 for c, x in facts}
            )
        wrong_texts += wrong
        wrong_items += wrong > 0
    return Judged(len(items), wrong_items, wrong_texts, by_template)
