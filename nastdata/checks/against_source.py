"""Rows against the source files that they were made from, read once more: ``nastdata validate --against``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.checks.integrity import Opened
from nastdata.checks.verdicts import Bad, Ledger
from nastdata.dataset.kept import find_kept_source
from nastdata.design.contextual.states import StudyState, logic_of
from nastdata.errors import UserError
from nastdata.reading.second_reader.text_reader import TextReader, make_text_reader
from nastdata.recipe import ReaderKind, SecondReaderSettings
from nastdata.records import LETTERS, Fact
from nastdata.sources import get_source
from nastdata.sources.base import Options, Source

AUTO = "auto"
"""Look for the files where a build without ``--data`` looks."""
Study = tuple[str, str]
"""(source, study id)."""


def read_places(given: tuple[str, ...], sources: list[str]) -> dict[str, Path | None]:
    """Return source -> its files from ``auto``, PATH (with one source) or SOURCE=PATH.

    Raises:
        UserError: if a source is not the dataset's, or no source is named for these files.
    """
    places: dict[str, Path | None] = {}
    for item in given:
        name, equals, path = item.partition("=")
        if item == AUTO:
            places = {**dict.fromkeys(sources), **places}
        elif equals and name in sources:
            places[name] = Path(path)
        elif not equals and len(sources) == 1:
            places[sources[0]] = Path(item)
        else:
            how = f"SOURCE=PATH or auto; sources of this dataset: {', '.join(sources) or 'unknown'}"
            raise UserError("no source is named for these files", where=f"--against {item}", how=how)
    return places


def check_against(ledger: Ledger, opened: Opened, given: tuple[str, ...]) -> None:
    """Compare every row with its source: study, patient, image, every label, every claim.

    Raises:
        UserError: if source files are missing, or named for a source that has none, or there is no manifest
            that names the sources.
    """
    manifest = opened.folder.manifest
    if manifest is None:
        raise UserError(
            "no manifest names this dataset's sources", where=str(opened.folder.path), how="drop --against"
        )
    sources = [str(s["name"]) for s in manifest.get("sources") or () if isinstance(s, dict) and "name" in s]
    places = read_places(given, sources)
    for name in (n for n, place in places.items() if place is not None):
        found, looked = get_source(find_kept_source(opened.folder.path, name)).find(None)
        if not found and not looked:
            where = "--against " + next(item for item in given if item != AUTO)
            raise UserError(f"the {name} reads no files", where=where, how="--against auto")
    labels = [c for c in opened.frames if c == "mednega"]
    for config, frame in opened.frames.items():
        own = frame.filter(pl.col("source").is_in(list(places)))
        bad: list[Bad] = []
        for name, place in places.items():
            rows = own.filter(pl.col("source") == name)
            if not len(rows):
                continue
            loaded = _load(opened, name, place, labels=config in labels)
            bad += _compare_studies(rows, loaded)
            if config in labels:
                bad += _compare_labels(rows, loaded)
            else:
                bad += _compare_facts(opened, config, rows, loaded)
        left = len(frame) - len(own)
        note = f"{left:,} rows of other sources were not compared" if left else ""
        ledger.add("against_source", config, len(own), bad, note=note)


def _load(opened: Opened, name: str, place: Path | None, *, labels: bool) -> pl.DataFrame:
    source = get_source(find_kept_source(opened.folder.path, name))
    options = Options(
        seed=int(opened.setting("seed") or 0),
        phantom_patients=int(opened.setting("phantom_patients") or 4000),
        strength=tuple(opened.setting("strength") or ("exact",)),
        closed_world=bool(opened.setting("closed_world")),
        reader=_make_reader(opened, source),
    )
    load = source.load_labels if labels else source.load_facts
    try:
        return load(place, opened.ontology, options).frame
    except UserError as e:
        if options.reader is None or "max_calls" not in (e.where or ""):
            raise
        raise UserError(
            "the model's answers that its reports were read with are not in the cache",
            where=name,
            how="validate on the machine of the build, or drop --against",
        ) from e


def _make_reader(opened: Opened, source: Source) -> TextReader | None:
    """Return the reader that the dataset's reports were read with; a model's answers are in the cache."""
    kind: ReaderKind = opened.setting("reader") or "rules"
    if kind == "rules" or not source.has_reports:
        return None
    given = {**opened.setting("second_reader"), "max_calls": 0}  # nothing is paid to validate
    settings = SecondReaderSettings.model_validate(given)
    restricted = [] if source.terms.may_leave_machine else [source.name]
    seed = int(opened.setting("seed") or 0)
    return make_text_reader(kind, settings, opened.ontology, restricted, seed=seed)[0]


def _compare_studies(rows: pl.DataFrame, loaded: pl.DataFrame) -> list[Bad]:
    """Every row's study is in the source, with this patient and this image."""
    known = loaded.select("study_id", "patient_id", "image_id").unique("study_id", maintain_order=True)
    both = rows.select("key", "split", "study_id", "patient_id", "image_id").join(
        known, on="study_id", how="left", suffix="_source", maintain_order="left"
    )
    bad = []
    for key, split, study, patient, image, real_patient, real_image in both.iter_rows():
        if real_patient is None:
            bad.append(Bad("no such study in the source", key, split, study))
        elif patient != real_patient:
            bad.append(Bad("the study is another patient's", key, split, study))
        elif image != real_image:
            bad.append(Bad("the image is not the study's", key, split, image))
    return bad


def _compare_labels(rows: pl.DataFrame, loaded: pl.DataFrame) -> list[Bad]:
    """The right option's labels are the study's."""
    truth = {r["study_id"]: r for r in loaded.to_dicts()}
    bad = []
    columns = ("key", "split", "study_id", "conditions", "choice_labels", "answer")
    for key, split, study, conditions, options, answer in rows.select(columns).iter_rows():
        known = truth.get(study)
        if known is None:
            continue
        right = options[LETTERS.index(answer)]
        wrong = [c for c, v in zip(conditions, right, strict=True) if known.get(c) != v]
        if wrong:
            bad.append(Bad(f"the right option is not what the source says of {wrong[0]}", key, split))
    return bad


def _compare_facts(opened: Opened, config: str, rows: pl.DataFrame, loaded: pl.DataFrame) -> list[Bad]:
    """True texts are true of the study by its facts, false ones are false."""
    logic = logic_of(opened.ontology)
    facts: dict[str, list[Fact]] = {}
    columns = ("study_id", "condition", "existence", "location", "severity", "qualifier")
    wanted = loaded.filter(pl.col("study_id").is_in(rows["study_id"].unique().to_list()))
    for study, condition, existence, place, grade, how in wanted.select(columns).iter_rows():
        facts.setdefault(study, []).append(Fact(condition, existence, place, grade, qualifier=how))
    states: dict[str, StudyState] = {s: logic.read_study(f) for s, f in facts.items()}
    judged: dict[tuple[Any, Fact], bool | None] = {}
    bad = []
    for row in rows.iter_rows(named=True):
        state = states.get(row["study_id"])
        if state is None:
            continue
        for number, (fact, is_true) in enumerate(_list_statements(config, row)):
            at = state.get(fact.condition)
            if fact.qualifier is not None and fact.existence == "absent":
                own = {Fact(fact.condition, "absent"), fact}
                found = True if own & set(facts[row["study_id"]]) else None
            else:
                plain = replace(fact, qualifier=None)
                if (at, plain) not in judged:
                    judged[at, plain] = logic.truth(state, plain)
                found = judged[at, plain]
            if found is not is_true:
                said = {True: "true", False: "false", None: "unknown"}[found]
                reason = f"a text that should be {str(is_true).lower()} is {said} by the source"
                bad.append(Bad(reason, row["key"], row["split"], f"{number + 1}: {fact}"))
                break
    return bad


def _list_statements(config: str, row: Mapping[str, Any]) -> list[tuple[Fact, bool]]:
    if config == "contextual_claims":
        pairs = zip(row["claim_facts"], row["claim_negations"], strict=True)
        return [(_fact(f, n), i == row["answer"]) for i, (f, n) in enumerate(pairs)]
    if config == "contextual_captions":
        return [(_fact(row["fact"], row["negation_type"]), True)]
    return []


def _fact(f: Mapping[str, Any], negation: str) -> Fact:
    denies = negation if negation in ("location", "severity") and f["existence"] == "present" else None
    attributes = (f["condition"], f["existence"], f["location"], f["severity"], denies)
    return Fact(*attributes, f.get("qualifier"))  # type: ignore[arg-type]
