"""The quality gate: every check on a dataset folder, in one table of verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from nastdata.checks.against_source import check_against
from nastdata.checks.consistency import check_consistency
from nastdata.checks.images.stored import check_images
from nastdata.checks.integrity import Opened, open_folder
from nastdata.checks.round_trip import check_fact_texts, check_option_texts
from nastdata.checks.rules import facts as fact_rules
from nastdata.checks.rules import options as option_rules
from nastdata.checks.rules import rows as row_rules
from nastdata.checks.rules.binding import check_binding, check_item_ids, check_provenance, check_splits
from nastdata.checks.rules.review import check_review
from nastdata.checks.verdicts import Bad, Ledger, Report
from nastdata.engines import open_engine
from nastdata.engines.base import Engine

if TYPE_CHECKING:
    from nastdata.audit.run import AuditReport

SLACK = 0.05
"""How far beyond its interval a recorded blind accuracy may be: folds and seeds may be others."""


def validate_folder(
    path: Path,
    *,
    audit: bool = True,
    expectations: bool = True,
    seeds: int = 1,
    folds: int = 5,
    engine: str = "local",
    image_roots: Mapping[str, Path] | None = None,
    against: tuple[str, ...] = (),
) -> Report:
    """Check a dataset folder: integrity, rules, round trip, consistency, blind audit.

    Args:
        path: the folder, ours, edited, or somebody else's in our columns.
        audit: whether to run the blind solvers, which take most of the time.
        expectations: whether to run the Great Expectations suites, where it is installed.
        seeds: of the audit: ways to divide the folds.
        folds: of the audit.
        engine: where texts are read back (``nastdata.engines``).
        image_roots: source -> the folder of its images, whose headers are read for names that must not be in
            the dataset.
        against: source files to compare every row with: ``auto``, PATH or SOURCE=PATH.

    Raises:
        UserError: if there is no such folder or nothing of ours in it.
    """
    ledger = Ledger()
    opened = open_folder(path, ledger)
    frames = opened.frames
    if frames:
        check_binding(ledger, opened)
        check_provenance(ledger, opened)
        check_splits(ledger, opened)
    check_review(ledger, opened)
    if against:
        check_against(ledger, opened, against)
    else:
        ledger.skip("against_source", None, "not compared with its source: --against DATA")
    for config in opened.folder.files:
        if config not in frames:
            for rule in ("rows", "required", "keys", "round_trip"):
                ledger.skip(rule, config, "the files can't be used: see 'readable' and 'columns'")
    sound: dict[str, pl.DataFrame] = {}
    with open_engine(engine) as readers:
        for config, frame in frames.items():
            row_rules.check_common(ledger, config, frame, opened.ontology)
            sound[config] = _CHECKS[config](ledger, opened, frame, readers)
    if frames:
        row_rules.check_patients(ledger, frames)
        row_rules.check_studies(ledger, frames)
    check_images(ledger, opened, image_roots)
    check_consistency(ledger, sound)
    if expectations:
        _expect(ledger, opened, sound)
    else:
        ledger.skip("expectations", None, "not asked for")
    if audit:
        _audit(ledger, opened, sound, seeds, folds)
    else:
        ledger.skip("audit", None, "not asked for")
    return ledger.close()


def _check_mednega(ledger: Ledger, opened: Opened, frame: pl.DataFrame, engine: Engine) -> pl.DataFrame:
    option_rules.check_options(ledger, frame, opened.ontology)
    frame, whole = _leave_out(ledger, ("options", "required"), "mednega", frame)
    option_rules.check_planes(ledger, frame)
    check_item_ids(ledger, frame, opened.ontology)
    option_rules.check_labels(
        ledger,
        frame,
        opened.ontology,
        opened.setting("avoid_contradictions"),
        opened.setting("avoid_clashes"),
    )
    option_rules.check_groups(ledger, whole)
    check_option_texts(ledger, frame, opened.ontology, engine)
    return frame


def _find_least(opened: Opened) -> int | None:
    """Return the fewest claims that a set may have by the recipe."""
    k_min, least = opened.setting("claims", "k_min"), opened.setting("claims", "k_least")
    return None if k_min is None else int(min(k_min, least or k_min))


def _check_claims(ledger: Ledger, opened: Opened, frame: pl.DataFrame, engine: Engine) -> pl.DataFrame:
    config = "contextual_claims"
    fact_rules.check_claims(ledger, frame, _find_least(opened), opened.setting("claims", "k_max"))
    frame, whole = _leave_out(ledger, ("claims", "required"), config, frame)
    fact_rules.check_families(ledger, whole, opened.setting("claims", "balanced"))
    long = fact_rules.list_claims(frame)
    fact_rules.check_facts(ledger, config, long, opened.ontology)
    check_fact_texts(ledger, config, long, opened.ontology, engine)
    frame, _ = _leave_out(ledger, ("facts",), config, frame)
    fact_rules.check_alterations(ledger, fact_rules.list_claims(frame))
    return frame


def _check_captions(ledger: Ledger, opened: Opened, frame: pl.DataFrame, engine: Engine) -> pl.DataFrame:
    config = "contextual_captions"
    frame, _ = _leave_out(ledger, ("required",), config, frame)
    promised = opened.setting("captions", "balanced") and opened.setting("captions", "affirmative_controls")
    fact_rules.check_captions(ledger, frame, bool(promised))
    long = fact_rules.list_captions(frame)
    fact_rules.check_facts(ledger, config, long, opened.ontology)
    check_fact_texts(ledger, config, long, opened.ontology, engine)
    frame, _ = _leave_out(ledger, ("facts",), config, frame)
    return frame


def _check_pairs(ledger: Ledger, opened: Opened, frame: pl.DataFrame, engine: Engine) -> pl.DataFrame:
    from nastdata.checks.rules.pairs import check_probes, check_prompts

    check = check_probes if "foil" in frame.columns else check_prompts
    check(ledger, frame, opened.ontology, engine)
    return frame


def _check_protocols(ledger: Ledger, opened: Opened, frame: pl.DataFrame, engine: Engine) -> pl.DataFrame:
    from nastdata.checks.rules.pairs import check_protocols

    check_protocols(ledger, frame, opened.ontology, engine)
    frame, _ = _leave_out(ledger, ("protocols", "required"), "protocols", frame)
    return frame


def _leave_out(
    ledger: Ledger, rules: tuple[str, ...], config: str, frame: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out rows that some rules have refused: others can't be asked of them.

    Returns:
        The remaining rows, and those of them whose group has lost none (a group that has is not whole, but
        that was told already).
    """
    refused = [key for rule in rules for key in ledger.keys(rule, config)]
    if not refused:
        return frame, frame
    is_bad = pl.col("key").is_in(refused).fill_null(True)
    kept = frame.filter(~is_bad)
    if "group_id" not in frame.columns:
        return kept, kept
    broken = frame.filter(is_bad)["group_id"].drop_nulls().unique().to_list()
    return kept, kept.filter(~pl.col("group_id").is_in(broken))


_CHECKS = {
    "mednega": _check_mednega,
    "contextual_claims": _check_claims,
    "contextual_captions": _check_captions,
    "probes": _check_pairs,
    "opposition": _check_pairs,
    "protocols": _check_protocols,
}


def _expect(ledger: Ledger, opened: Opened, sound: dict[str, pl.DataFrame]) -> None:
    """Run the expectation suites on what is sound enough to be laid out flat."""
    from nastdata.checks.expectations import run_expectations

    recorded = opened.folder.manifest.get("rows") if opened.folder.manifest else None
    rows = {c: sum(n.values()) for c, n in recorded.items()} if isinstance(recorded, dict) else None
    k = (_find_least(opened) or 2, opened.setting("claims", "k_max") or 1_000)
    run_expectations(ledger, sound, rows=rows, k=k)


def _audit(ledger: Ledger, opened: Opened, sound: dict[str, pl.DataFrame], seeds: int, folds: int) -> None:
    """Try the blind solvers on what is sound enough to be read."""
    from nastdata.audit.run import audit_frames, find_promises
    from nastdata.recipe import AuditSettings

    if any(c not in sound or len(sound[c]) < len(opened.frames[c]) for c in opened.folder.files):
        ledger.skip("audit", None, "rows are malformed: fix what failed first")
        return
    threshold = opened.setting("audit", "threshold")
    settings = AuditSettings(
        seeds=seeds, folds=folds, **({"threshold": threshold} if isinstance(threshold, float) else {})
    )
    seed = opened.setting("seed")
    report = audit_frames(
        sound,
        settings,
        seed if isinstance(seed, int) else 0,
        opened.ontology,
        promises=find_promises(opened.recipe),
    )
    failures = [*report.verdict["failures"], *_compare_audit(opened, report)]
    warnings = [w for w in report.verdict["warnings"] if w not in failures]
    if failures:
        ledger.add("audit", None, len(report.solvers), [Bad(f) for f in failures])
    else:
        ledger.add(
            "audit", None, len(report.solvers), [Bad(w) for w in warnings], warn=True, note=report.summary()
        )


def _compare_audit(opened: Opened, report: AuditReport) -> list[str]:
    """Compare the figures that the manifest records with those measured now."""
    recorded = (opened.folder.manifest or {}).get("audit")
    solvers = recorded.get("solvers") if isinstance(recorded, dict) else None
    if not isinstance(solvers, list):
        return []
    told = {
        tuple(s.get(k) for k in ("config", "subset", "name", "reads")): s.get("accuracy")
        for s in solvers
        if isinstance(s, dict)
    }
    out = []
    for s in report.solvers:
        accuracy = told.get((s.config, s.subset, s.name, s.reads))
        if isinstance(accuracy, int | float) and not s.low - SLACK <= accuracy <= s.high + SLACK:
            out.append(
                f"{s.config} ({s.subset}): the manifest records {accuracy:.1%} for '{s.name}' ({s.reads}), "
                f"measured are {s.accuracy:.1%}"
            )
    return out
