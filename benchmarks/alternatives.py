"""Captions for N facts: worded, read back and joined by us, beside the loops that one would write instead.

    python benchmarks/alternatives.py [N]

The loops fill one fixed sentence with a row's finding, place and grade. They vary nothing and check nothing.
Prints a table as JSON for ``benchmarks/bench.py``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl

from nastdata.assemble.facts import assemble_captions
from nastdata.design.contextual.captions import design_captions
from nastdata.engines.base import IN_PROCESS
from nastdata.ontology import load_ontology
from nastdata.recipe import load_recipe
from nastdata.sources import get_source
from nastdata.sources.base import Options
from nastdata.writing.template import TemplateWriter


def fill(condition: str, existence: str, location: str | None, severity: str | None) -> str:
    """Return the sentence that a script would fill."""
    name = f"{severity} {condition.lower()}" if severity else condition.lower()
    where = f" in the {location}" if location else ""
    return f"There is no {name}{where}." if existence == "absent" else f"There is {name}{where}."


def fill_row(row: dict[str, Any]) -> dict[str, Any]:
    """For ``datasets.map``."""
    return {"caption": fill(row["condition"], row["existence"], row["location"], row["severity"])}


def time_it(function: Callable[[], int]) -> tuple[float, float, int]:
    """Return wall seconds, CPU seconds and what it made."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = function()
    return time.perf_counter() - wall, time.process_time() - cpu, made


def main() -> None:
    """Print the table."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    recipe = load_recipe("contextual", [("captions.balanced", "false")])
    ontology = load_ontology(recipe.ontology)
    options = Options(phantom_patients=max(400, wanted // 8))
    facts = get_source("phantom").load_facts(None, ontology, options).frame
    facts = facts.with_columns(pl.lit("train").alias("split"))
    design = design_captions(facts, ontology, recipe).frame.head(wanted)
    flat = design.select(pl.col("fact").struct.unnest())
    frame = pd.DataFrame(flat.to_dicts())
    writer = TemplateWriter(ontology, recipe.seed)

    def ours() -> int:
        return len(assemble_captions(design, writer, ontology, recipe, IN_PROCESS).frame)

    def loop() -> int:
        texts = []
        for _, row in frame.iterrows():
            place, grade = (None if pd.isna(row[k]) else row[k] for k in ("location", "severity"))
            texts.append(fill(row["condition"], row["existence"], place, grade))
        return len(frame.assign(caption=texts))

    def mapped() -> int:
        import datasets

        datasets.disable_progress_bars()
        return len(datasets.Dataset.from_list(flat.to_dicts()).map(fill_row))

    rows: list[list[Any]] = []
    for name, function in (
        ("nastdata: varied, each text read back", ours),
        ("pandas, `iterrows`", loop),
        ("`datasets.map`", mapped),
    ):
        wall, cpu, made = time_it(function)
        rows.append([name, made, wall, cpu, 1e6 * wall / max(1, made)])
    for row in rows:
        row.append(row[2] / rows[0][2])
    print(json.dumps({
        "columns": ["how", "captions", "s", "CPU s", "microseconds each", "times ours"],
        "rows": rows,
        "notes": ["The loops fill one sentence, in the same run; they vary nothing and check nothing."],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
