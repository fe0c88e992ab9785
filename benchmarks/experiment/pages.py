"""Writes ``experiment.md`` for researchers and ``experiment-plain.md`` for clinicians from the kept rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import describe_machine

from experiment import parts, plain, runs, tables, why
from experiment.estimate_time import tell_hours
from experiment.intervals import Runs
from experiment.judge import read_judged
from experiment.methods import BY_NAME, UNTRAINED
from experiment.sizes import SIZES, Size

READING = "## Reading"
"""What people write below this heading is kept when the tables are made again."""


def write_pages(size: Size, out: Path, docs: Path) -> list[Path]:
    """Write both pages and their pictures; return their paths."""
    found = read_found(size, out)
    docs.mkdir(parents=True, exist_ok=True)
    page = docs / "experiment.md"
    text = write_researchers(size, out, found)
    kept = page.read_text(encoding="utf-8") if page.is_file() else ""
    if READING in kept:
        text += f"\n{kept[kept.index(READING) :].strip()}\n"
    page.write_text(text, encoding="utf-8")
    return [page, *plain.write_plain(size, found, docs)]


def read_found(size: Size, out: Path) -> dict[str, Runs]:
    """Return method -> pretrained model -> seed -> outcomes, of all final runs."""
    found: dict[str, list[list[Any]]] = {}
    for name, base, _, path in parts.list_runs(size, out):
        by_base = found.setdefault(name, [[] for _ in range(size.bases)])
        by_base[base].append(read_judged(path))
    return dict(found)


def write_researchers(size: Size, out: Path, found: Mapping[str, Runs]) -> str:
    """Return the page for researchers: every table."""
    summaries = {
        name: [
            runs.read_json(path.with_suffix(".json"))
            for method, _, _, path in parts.list_runs(size, out)
            if method == name
        ]
        for name in found
        if name in BY_NAME
    }
    traces = [runs.read_json(out / f"trace-{b}" / "trace.json") for b in range(size.bases)]
    bases = [runs.read_json(out / f"why-{b}.json") for b in range(size.bases)]
    parts_of = list(tables.divide(found))
    sections = [
        _tell_setting(size, out),
        "## Answers\n\nHypotheses and rules were fixed beforehand: [the plan](experiment-plan.md). "
        "**Bold**: primary, 98.75 % intervals; the others 95 %. Figures are points of accuracy.\n\n"
        + tables.answer(found, traces),
        "## What is compared\n\n" + tables.list_methods(),
        _by_part("## Table 1: negation subset", parts_of, lambda f: tables.retrieve(f, "negated")),
        _by_part("## Table 2: affirmative subset", parts_of, lambda f: tables.retrieve(f, "affirmative")),
        _by_part(
            "## Table 3: gap, mean, and denying claims at equal affirming accuracy",
            parts_of,
            lambda f: tables.tell_gap(f),
        ),
        "## Table 4: share of the change, by block\n\n" + tables.tell_updates(summaries),
        "## Generalisation\n\nClaim sets with something that fine-tuning never saw.\n\n"
        + tables.generalise(found),
        "## MedNega (chance 25 %)\n\n" + tables.ask_questions(found),
        "## Zero-shot AUC, mean over conditions (x 100; conditions resampled)\n\n"
        + tables.tell_conditions(found),
        "## CON: ten nearest images of a prompt; attribution to the word of negation\n\n"
        + tables.tell_prompts({m: r for m, r in found.items() if m == UNTRAINED or m in BY_NAME}),
        "## Traces\n\n" + tables.tell_traces(traces) + "\n\n" + tables.tell_agreement(traces),
        why.write_why(bases, why.compare_bases(bases)).strip(),
        "## Tuning\n\nOn the first pretrained model, first seed, by validation; per cent.\n\n"
        + tables.tell_trials(
            parts.read_trials(size, out), lambda m: parts.choose_rate(size, out, BY_NAME[m])
        ),
        "## Runs that failed\n\n" + tables.tell_failures(summaries),
        _tell_sizes(),
        _tell_papers(),
    ]
    return "\n\n".join(sections) + "\n"


def _by_part(title: str, parts_of: Sequence[tuple[str, Mapping[str, Runs]]], make: Any) -> str:
    return title + "".join(f"\n\n### {name.capitalize()}\n\n{make(some)}" for name, some in parts_of)


def _tell_setting(size: Size, out: Path) -> str:
    seconds = read_seconds(out)
    told = ", ".join(f"{k} {v / 60:,.1f}" for k, v in seconds.items())
    micro = ["**A micro run: it shows that the parts work; its figures mean nothing.**"] * (
        size.name == "micro"
    )
    p = size.pretrain
    made = (
        f"{size.bases} small CLIPs (text tower: {p.text.get('layers')} blocks, width {p.text.get('width')}) "
        f"learn drawn radiographs from scratch: {p.steps:,} steps of {p.batch_size} images, a negation in "
        f"{p.negated:.0%} of the captions."
        if not size.checkpoints
        else f"Pretrained models: {len(size.checkpoints)}, given as checkpoints; corpus: {size.source}."
    )
    tuned = (
        f"Each is traced, and its text tower fine-tuned by every method: {size.steps:,} steps of about "
        f"{size.texts} texts, in the same order of rows, the best of {size.validations} validations kept. "
        f"Main methods: {size.seeds} fine-tuning seeds on each model; others: {size.seeds_of_others}. "
        f"Learning rate: {len(size.rates)} trials for every method, on validation."
    )
    figures = (
        "Figures are of test patients, in per cent [95 % interval: patients, seeds and pretrained models]. "
        "The radiographs are drawn: figures say how methods compare here, nothing of real images."
    )
    return "\n\n".join(
        [
            "# The experiment",
            *micro,
            f"Size: {size.name}. {made} {tuned}",
            figures,
            f"Processor minutes: {told}; all {sum(seconds.values()) / 60:,.0f} (each part was last done on: "
            f"{describe_machine()}). Again: `make experiment`. "
            "In plain words: [for clinicians](experiment-plain.md).",
        ]
    )


def read_seconds(out: Path) -> dict[str, float]:
    """Return processor seconds by phase."""
    totals: dict[str, float] = {}
    for path in sorted((out / "seconds").rglob("*.json")):
        name = path.parent.name if path.parent != out / "seconds" else path.stem.rsplit("-", 1)[0]
        totals[name] = totals.get(name, 0.0) + float(runs.read_json(path)["processor"])
    return totals


def _tell_sizes() -> str:
    """How to run it, at which size."""
    text = Path(__file__).with_name("sizes.md").read_text(encoding="utf-8").strip()
    for name in ("small", "overnight", "gpu"):
        text = text.replace(name.upper(), tell_hours(SIZES[name].hours))
    return text


def _tell_papers() -> str:
    return (
        "## The papers' own figures\n\nReal images (MIMIC-CXR), published models: R@1 / R@5 / claim accuracy "
        "(arXiv 2602.12498), in per cent. To be compared with ours in order, not in height.\n\n"
        + tables.table(["model", "negation subset", "affirmative subset", "gap"], tables.PUBLISHED)
        + "\n\nThere, the three most changed layers hold 28.4 % of the change with uniform fine-tuning and "
        "52.6 % with NAST, five 41.7 and 69.3 %."
    )
