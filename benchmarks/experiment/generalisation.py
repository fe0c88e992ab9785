"""The test sets of what fine-tuning never sees: wordings, cues, conditions, places, compositions, reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from experiment import held_out
from experiment.held_out import CONDITIONS, PLACES, Wording, touches
from experiment.sizes import Size
from nastdata.evaluation.outcomes import read_states
from nastdata.models.dataset_rows import open_data
from nastdata.ontology import Ontology, load_ontology
from nastdata.progress import Progress
from nastdata.records import Fact
from nastdata.seeded import draw_int, shuffle

TESTS: dict[str, str] = {
    "frames": "wordings never seen",
    "cues": "cues never seen (free of, absence of, negative for)",
    "conditions": "findings never seen",
    "places": "places never seen",
    "composition": "two findings denied at once",
    "reports": "sentences of real reports",
    "names": "another ontology's names of the findings",
}
"""Dataset folder under ``data/`` -> what is new in it."""
MOST = 300
"""Claim sets of a test."""
OTHER_NAMES = {
    "Cardiomegaly": ("enlarged heart", "an"),
    "Edema": ("fluid overload", None),
    "Lung Opacity": ("lung density", "a"),
    "Lung Lesion": ("lung mass", "a"),
    "Consolidation": ("airspace disease", None),
    "Atelectasis": ("volume loss", None),
    "Pleural Effusion": ("pleural fluid collection", "a"),
    "Pneumonia": ("lung infection", "a"),
}
"""Condition -> a name that another ontology may have for it, with its article."""
REPORTS = 1200
"""Reports of Open-i whose sentences are read."""
Row = dict[str, Any]


def hold_out(built: Path, out: Path, size: Size) -> None:
    """Write a dataset folder without the frames, conditions, cues and places that are kept for the tests.

    Args:
        built: What ``nastdata build contextual`` wrote.
        out: The folder to write; its images are those of ``built``.
        size: Of the study.
    """
    from experiment.data import take_rows, write_folder

    frames = {}
    for config, frame in open_data(built).frames.items():
        # what is held out leaves about half of the rows
        limits = {"train": 3 * size.claim_rows, "validation": 2 * size.test_rows, "test": 3 * size.test_rows}
        frames[config] = held_out.leave_seen(config, take_rows(frame, str(frame.columns[0]), limits))
    write_folder(built, out, frames)


def make_tests(out: Path, size: Size, progress: Progress) -> None:
    """Write the test folders ``out/data/NAME``, those that are not there yet."""
    from experiment.data import write_folder

    built = out / "built" / "contextual"
    todo = [name for name in TESTS if not (out / "data" / name / "data").is_dir()]
    if not todo:
        return
    frames = {k: f.filter(pl.col("split") == "test") for k, f in open_data(built).frames.items()}
    claims = frames["contextual_claims"]
    makers: dict[str, Callable[[], Iterator[Row]]] = {
        "frames": lambda: _reword(claims, held_out.is_new_frame, all_new=True),
        "cues": lambda: _reword(claims, held_out.is_new_cue, all_new=False),
        "conditions": lambda: _choose_new(claims, "condition"),
        "places": lambda: _choose_new(claims, "location"),
        "composition": lambda: _compose(frames),
        "reports": lambda: _quote(frames),
        "names": lambda: _rename(claims),
    }
    for name in todo:
        rows = list(makers[name]())
        rows = [rows[i] for i in sorted(shuffle(range(len(rows)), 0, "test", name)[:MOST])]
        frame = pl.DataFrame(rows, schema=claims.schema)
        write_folder(built, out / "data" / name, {"contextual_claims": frame})
        progress.say(f"  test {name}: {len(rows):,} claim sets")


def _take_seen(claims: pl.DataFrame) -> Iterator[Row]:
    """Yield the sets without held-out conditions and places, in a drawn order, twice as many as are kept."""
    found = 0
    for i in shuffle(range(len(claims)), 0, "sets"):
        row = claims.row(i, named=True)
        facts = row["claim_facts"]
        if touches(facts, CONDITIONS, "condition") or touches(facts, PLACES, "location"):
            continue
        yield row
        found += 1
        if found == 4 * MOST:
            return


def _reword(claims: pl.DataFrame, allow: held_out.Allow, *, all_new: bool) -> Iterator[Row]:
    """Word sets in new frames: every claim, or those that deny a finding (one or more)."""
    wording = Wording()
    for row in _take_seen(claims):
        if all_new:
            texts = held_out.word_claims(row, wording, allow)
            if texts is not None:
                yield {**row, "claims": texts}
            continue
        key = str(row["group_id"] or row["set_id"])
        facts = [held_out.to_fact(*x) for x in zip(row["claim_facts"], row["claim_negations"], strict=True)]
        absent = [f.existence == "absent" for f in facts]
        said = [
            wording.word(f, allow if a else held_out.is_seen, key) for f, a in zip(facts, absent, strict=True)
        ]
        if any(absent) and None not in said:
            yield {**row, "claims": said}


def _choose_new(claims: pl.DataFrame, attribute: str) -> Iterator[Row]:
    """Choose sets with a new condition in the true claim, or a new place in any; in frames that were seen."""
    wording = Wording()
    wanted, other = (CONDITIONS, PLACES) if attribute == "condition" else (PLACES, CONDITIONS)
    against = "location" if attribute == "condition" else "condition"
    for row in claims.iter_rows(named=True):
        # few true claims name one of two places
        true = [row["claim_facts"][row["answer"]]]
        asked = true if attribute == "condition" else row["claim_facts"]
        if touches(asked, wanted, attribute) and not touches(row["claim_facts"], other, against):
            texts = held_out.word_claims(row, wording, held_out.is_seen)
            if texts is not None:
                yield {**row, "claims": texts}


def _compose(frames: dict[str, pl.DataFrame]) -> Iterator[Row]:
    """Ask of two findings at once, both there or both not: four claims, each of two sentences."""
    wording = Wording()
    for number, (row, pair, present) in enumerate(_find_pairs(frames)):
        facts = [[Fact(c, "present"), Fact(c, "absent")] for c in pair]
        states = [(a, b) for a in (0, 1) for b in (0, 1)]
        key = f"{pair}"
        said = [[wording.word(f, held_out.is_seen, key) for f in both] for both in facts]
        order = shuffle(range(4), 0, "composition", number)
        yield {
            **row,
            "set_id": f"composition-{number}",
            "claims": [f"{said[0][states[i][0]]} {said[1][states[i][1]]}" for i in order],
            "claim_negations": ["existence" if any(states[i]) else "none" for i in order],
            "claim_facts": [row["claim_facts"][0]] * 4,
            "altered": [None] * 4,
            "answer": order.index(0 if present else 3),
        }


def _find_pairs(frames: dict[str, pl.DataFrame]) -> Iterator[tuple[Row, tuple[str, str], bool]]:
    """Yield (row of the image, two conditions, whether both are there), as many of each kind of a pair."""
    states = {c: s for c, s in read_states(frames).items() if c not in CONDITIONS}
    rows = {(r["source"], r["image"]): r for r in _fill_rows(frames)}
    conditions = sorted(states)
    pairs = [(a, b) for i, a in enumerate(conditions) for b in conditions[i + 1 :]]
    for pair in pairs:
        both = sorted(states[pair[0]].keys() & states[pair[1]].keys() & rows.keys())
        kinds = {
            present: [k for k in both if states[pair[0]][k] == states[pair[1]][k] == int(present)]
            for present in (True, False)
        }
        number = min(8, len(kinds[True]), len(kinds[False]))
        for present, keys in kinds.items():
            for i in shuffle(range(len(keys)), 0, "composition", *pair)[:number]:
                yield rows[keys[i]], pair, present


def _fill_rows(frames: dict[str, pl.DataFrame]) -> Iterator[Row]:
    """Yield a claim row for each image of the captions; texts are put in later."""
    claims = frames["contextual_claims"]
    blank = claims.row(0, named=True)
    for row in (
        frames["contextual_captions"].unique("image", keep="first", maintain_order=True).iter_rows(named=True)
    ):
        kept = {k: row[k] for k in ("source", "patient_id", "study_id", "image_id", "image")}
        yield {**blank, **kept, "condition": row["fact"]["condition"], "group_id": None}


def _quote(frames: dict[str, pl.DataFrame]) -> Iterator[Row]:
    """Ask whether a finding is there in two sentences of real reports (Open-i): one says, one denies it."""
    bank = read_sentences()
    states = read_states(frames)
    rows = {(r["source"], r["image"]): r for r in _fill_rows(frames)}
    for condition, (says, denies) in sorted(bank.items()):
        kinds = {p: sorted(k for k, v in states.get(condition, {}).items() if v == p) for p in (1, 0)}
        number = min(MOST // 8, len(kinds[1]), len(kinds[0]))
        for present, keys in kinds.items():
            for n, i in enumerate(shuffle(range(len(keys)), 0, "reports", condition)[:number]):
                key = (condition, n)
                pair = [
                    says[draw_int(0, "says", *key) % len(says)],
                    denies[draw_int(0, "denies", *key) % len(denies)],
                ]
                first = draw_int(0, "order", *key) % 2
                yield {
                    **rows[keys[i]],
                    "set_id": f"reports-{condition}-{present}-{n}",
                    "condition": condition,
                    "claims": [pair[first], pair[1 - first]],
                    "claim_negations": [("none", "existence")[first], ("none", "existence")[1 - first]],
                    "claim_facts": [rows[keys[i]]["claim_facts"][0]] * 2,
                    "altered": [None, None],
                    "answer": first if present else 1 - first,
                }


def read_sentences() -> dict[str, tuple[list[str], list[str]]]:
    """Return condition -> sentences of Open-i that say it, and that deny it, and say nothing else.

    Raises:
        UserError: if no copy of Open-i's reports is installed.
    """
    from nastdata.sources.openi.files import read_members, read_report
    from nastdata.sources.openi.source import find
    from nastdata.sources.report_sentences import read_statements

    found, _ = find(None)
    reports = []
    for name, content in read_members(found[0]):
        try:
            reports.append(("openi", name, read_report(content).texts))
        except ValueError:
            continue
        if len(reports) == REPORTS:
            break
    bank: dict[str, tuple[list[str], list[str]]] = {}
    for _, _, text, conditions, present, _, plain in read_statements(
        reports, load_ontology("chest_xray")
    ).iter_rows():
        if len(conditions) == 1 and plain:
            texts = bank.setdefault(conditions[0], ([], []))[0 if present[0] else 1]
            if text not in texts:
                texts.append(text)
    return {c: both for c, both in bank.items() if all(both)}


def _rename(claims: pl.DataFrame) -> Iterator[Row]:
    """Word sets with the names of another ontology; sets with a finding that it lacks are left out."""
    wording = Wording(name_otherwise())
    for row in _take_seen(claims):
        if all(f["condition"] in OTHER_NAMES for f in row["claim_facts"]):
            texts = held_out.word_claims(row, wording, held_out.is_seen)
            if texts is not None:
                yield {**row, "claims": texts}


def name_otherwise() -> Ontology:
    """Return the chest ontology with other names of its findings."""
    ontology = load_ontology("chest_xray")
    named = [
        c
        if c.name not in OTHER_NAMES
        else c.model_copy(update=dict(zip(("text", "article"), OTHER_NAMES[c.name], strict=True)))
        for c in ontology.conditions
    ]
    return ontology.model_copy(update={"conditions": tuple(named)})
