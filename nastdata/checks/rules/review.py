"""Does a review belong to the folder: sign-offs, records, sample, figures, and what was left out after it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from nastdata.checks.integrity import Opened
from nastdata.checks.verdicts import Bad, Ledger
from nastdata.dataset.folder import DatasetFolder
from nastdata.dataset.manifest import hash_file
from nastdata.errors import UserError
from nastdata.ontology import Ontology

STATUSES = ("not reviewed", "reviewed", "applied")
TOLERANCE = 1e-6
"""Between figures of two versions of a library."""
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def check_review(ledger: Ledger, opened: Opened) -> None:
    """Check what the manifest says of a review against the records that the folder keeps.

    Who signs gives a name that nobody can check. What can be: that the records are those that were signed,
    the reviewed rows those that are there, the sample the one that its seed draws, and that the figures
    follow.
    """
    manifest = opened.folder.manifest
    if manifest is None:
        return ledger.skip("review", None, "no manifest says whether anybody looked")
    review = manifest.get("review")
    forged = list(_check_ontology(opened.ontology))
    if review is None or review == {"status": "not reviewed"}:
        kept = (opened.folder.path / "review").exists()
        bad = [Bad("records of a review that the manifest does not speak of", "review")] if kept else []
        return ledger.add("review", None, 1, [*forged, *bad], note="not reviewed")
    found: list[Bad] = forged
    note = ""
    try:
        for fault in _find_faults(opened, manifest, review):
            if isinstance(fault, str):
                note = fault
            else:
                found.append(fault)
    except UserError as e:
        found.append(Bad(e.what, e.where))
    except MALFORMED as e:
        found.append(Bad(f"malformed ({type(e).__name__}: {e})", "review"))
    return ledger.add("review", None, 1, found, note="" if found else f"{_tell(review)}{note}")


def _check_ontology(ontology: Ontology) -> Iterator[Bad]:
    """Sign-offs of the ontology are whole: no name, date, figure or scope was changed."""
    if not ontology.review.sign_offs:
        return
    from nastdata.review.records import seal_ontology

    for s in ontology.review.sign_offs:
        if s.digest != seal_ontology(s):
            yield Bad(f"the ontology's sign-off of {s.name} was changed", "ontology.review.sign_offs")


def _tell(review: Mapping[str, Any]) -> str:
    names = [f"{s['name']}, {s['role']}, {s['date']}" for s in review["sign_offs"]]
    if review["status"] == "applied":
        return "changed after a review; not reviewed since"
    return "signed by " + "; ".join(names) if names else "not signed"


def _find_faults(
    opened: Opened, manifest: Mapping[str, Any], review: Mapping[str, Any]
) -> Iterator[Bad | str]:
    """Yield what does not hold; and as text what could not be asked."""
    from nastdata.review.records import CHANGES, measure_records, read_records, seal

    status = review["status"]
    if status not in STATUSES[1:]:
        yield Bad(f"status {status!r} is none of ours", "review.status")
        return
    folder = opened.folder
    hashes: Mapping[str, str] = review["records"]
    for name, wanted in hashes.items():
        if not name.startswith("review/") or not (folder.path / name).is_file():
            yield Bad("a record that is not there", name)
            return
        if hash_file(folder.path / name) != wanted:
            yield Bad("not the records that were signed", name)
    records = read_records(folder.path)
    bound = manifest["bindings"] if status == "reviewed" else review["applied"]["of"]["bindings"]
    signed = {k: v for k, v in hashes.items() if k != CHANGES}
    for s in review["sign_offs"]:
        if s["digest"] != seal(s, signed, bound):
            yield Bad(
                f"the sign-off of {s['name']} was made for other rows, records or words", "review.sign_offs"
            )
    if status == "reviewed" and not review["sign_offs"]:
        yield Bad("said to be reviewed, and nobody signed", "review.sign_offs")
    if review["sample"]["items"] != len(records.items) or review["sample"]["plan"] != records.about["plan"]:
        yield Bad("the sample is another one than that of the records", "review.sample")
    if status == "reviewed":
        yield from _check_rows(folder, opened.frames, records)
        yield from _check_draw(folder, records)
    else:
        yield from _check_changes(opened, review, records)
    try:
        measured = measure_records(records)
    except UserError as e:
        yield f"; its figures were not compared: {e.what}"
        return
    for where in _differ(review["figures"], measured):
        yield Bad("the figures do not follow from the records", where)


def _check_rows(folder: DatasetFolder, frames: Mapping[str, pl.DataFrame], records: Any) -> Iterator[Bad]:
    """Every reviewed row is there, word for word."""
    from nastdata.review.items import digest_row

    for item, row in _find_rows(frames, records):
        if row is None:
            yield Bad("a reviewed row is not there", item.key, item.place.split if item.place else None)
        elif digest_row(item.config, row) != item.digest:
            yield Bad("a reviewed row was changed after the review", item.key, row["split"])


def _find_rows(
    frames: Mapping[str, pl.DataFrame], records: Any
) -> Iterator[tuple[Any, dict[str, Any] | None]]:
    by_config: dict[str, dict[str, dict[str, Any]]] = {}
    for config, frame in frames.items():
        wanted = [i.key for i in records.items.values() if i.config == config]
        rows = frame.filter(pl.col("key").is_in(wanted)).iter_rows(named=True)
        by_config[config] = {row["key"]: row for row in rows}
    for item in records.items.values():
        yield item, by_config.get(item.config, {}).get(item.key)


def _check_draw(folder: DatasetFolder, records: Any) -> Iterator[Bad]:
    """The sample is the one that the recorded seed draws from these rows: nobody chose the easy ones."""
    from nastdata.review.sample import draw_sample, read_plan

    drawn = draw_sample(folder, read_plan(records.about["plan"]))
    wanted = [(d.config, d.key) for d in drawn.drawn]
    if wanted != [(i.config, i.key) for i in records.items.values()]:
        yield Bad("the sample is not the one that its seed draws", "review/sample.json")
    if [dict(s) for s in drawn.strata] != records.about["strata"]:
        yield Bad("the strata are not those of the rows", "review/sample.json")


def _check_changes(opened: Opened, review: Mapping[str, Any], records: Any) -> Iterator[Bad]:
    """What was rejected has left; what stayed is as it was, or reworded as recorded."""
    import json

    from nastdata.review.items import digest_row
    from nastdata.review.records import CHANGES

    told = json.loads((opened.folder.path / CHANGES).read_text(encoding="utf-8"))
    reworded = {(c["config"], c["key"]) for c in told["reworded"]}
    rejected = {o.item.key for o in records.outcomes if o.status == "rejected"}
    for item, row in _find_rows(opened.frames, records):
        known = told["digests"].get(str(item.n))
        if row is None:
            if item.key not in told["removed"].get(item.config, {}):
                yield Bad("a reviewed row is missing, and nothing says why", item.key)
            continue
        if item.key in rejected and (item.config, item.key) not in reworded:
            yield Bad("a rejected row is there", item.key, row["split"])
        if digest_row(item.config, row) != known:
            yield Bad("a reviewed row was changed after the review", item.key, row["split"])
    for config, reasons in told["removed"].items():
        frame = opened.frames.get(config)
        if frame is not None:
            left = frame.filter(pl.col("key").is_in(list(reasons)))
            yield from (Bad("a row that was left out is there", k) for k in left["key"])
    counts = {c: len(reasons) for c, reasons in told["removed"].items()}
    if {c: sum(n.values()) for c, n in review["applied"]["removed"].items()} != counts:
        yield Bad("more or fewer rows were left out than is said", "review.applied")


def _differ(said: Any, measured: Any, where: str = "review.figures") -> Iterator[str]:
    """Yield the places at which two sets of figures differ."""
    if isinstance(said, dict) and isinstance(measured, dict):
        for key in dict.fromkeys([*said, *measured]):
            yield from _differ(said.get(key), measured.get(key), f"{where}.{key}")
    elif isinstance(said, list) and isinstance(measured, list) and len(said) == len(measured):
        for i, (a, b) in enumerate(zip(said, measured, strict=True)):
            yield from _differ(a, b, f"{where}.{i}")
    elif isinstance(said, float | int) and isinstance(measured, float | int):
        if not math.isclose(said, measured, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield where
    elif said != measured:
        yield where
