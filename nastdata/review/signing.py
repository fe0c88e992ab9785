"""Sign a review: the statement, sealed to records and rows, goes into manifest, card and report."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nastdata.dataset import manifest as manifests
from nastdata.dataset.folder import update_dataset
from nastdata.errors import UserError
from nastdata.review.exchange.rows import check_name
from nastdata.review.records import Records, dump_records, measure_records, seal, take_records
from nastdata.review.session import Session
from nastdata.review.web.forms import clean_line

LONGEST = 300


def sign_session(
    session: Session, *, name: str, role: str, date: str | None, scope: str, out: Path | None
) -> list[str]:
    """Sign a review, and say what was written.

    Args:
        session: the review.
        name: of the person who signs, or initials.
        role: e.g. "board-certified radiologist".
        date: ``YYYY-MM-DD``; None is today.
        scope: what was looked at; blank says how much of what.
        out: for an ontology, where the signed file goes; None writes it in place.

    Raises:
        UserError: if nothing was answered, or the folder or file can't be signed.
    """
    records = take_records(session.store)
    if not records.answers:
        how = f"nastdata review {session.title} --reviewer AB --reviewer CD"
        raise UserError("nothing was answered yet", where=str(session.store.path), how=how)
    statement = {
        "name": _check_text(name, "--sign-off"),
        "role": _check_text(role, "--role"),
        "date": _check_date(date),
        "scope": _check_text(scope, "--scope") if scope else describe_scope(records),
    }
    if session.folder is None:
        from nastdata.review.ontology.signing import sign_ontology

        return sign_ontology(session, records, statement, out)
    return _sign_dataset(session, records, statement)


def describe_scope(records: Records) -> str:
    """Say how much of what was looked at: ``40 of 400 rows (mednega 40)``."""
    read = {a.item for a in records.answers}
    counts: dict[str, int] = {}
    for item in records.items.values():
        if item.n in read:
            counts[item.config] = counts.get(item.config, 0) + 1
    rows = sum(s["rows"] for s in records.about["strata"])
    told = ", ".join(f"{config} {n:,}" for config, n in sorted(counts.items()))
    return f"{len(read):,} of {rows:,} {'statements' if 'ontology' in counts else 'rows'} ({told})"


def make_review(
    records: Records, files: Mapping[str, bytes], sign_offs: list[dict[str, Any]], status: str
) -> dict[str, Any]:
    """Return the manifest's ``review``."""
    return {
        "status": status,
        "sign_offs": sign_offs,
        "sample": {
            "items": len(records.items),
            "strata": len(records.about["strata"]),
            "plan": records.about["plan"],
        },
        "figures": measure_records(records),
        "records": hash_records(files),
    }


def hash_records(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return file name -> sha256 of records."""
    return {name: manifests.hash_bytes(content) for name, content in sorted(files.items())}


def _sign_dataset(session: Session, records: Records, statement: dict[str, str]) -> list[str]:
    folder = session.folder
    assert folder is not None
    manifest = folder.manifest
    if manifest is None or not manifest.get("bindings"):
        raise UserError(
            "a folder without a manifest that binds its rows can't be signed",
            where=str(folder.path),
            how="build it with this version of nastdata",
        )
    old = manifest.get("review") or {}
    files = dump_records(records)
    hashes = hash_records(files)
    sign_offs: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for earlier in old.get("sign_offs", []):
        fits = earlier.get("digest") == seal(earlier, hashes, manifest["bindings"])
        (sign_offs if fits and earlier.get("name") != statement["name"] else dropped).append(earlier)
    digest = seal(statement, hashes, manifest["bindings"])
    sign_offs.append({**statement, "digest": digest})
    review = make_review(records, files, sign_offs, "reviewed")
    if "applied" in old:
        review["applied"] = old["applied"]
    show = session.images.read if session.images is not None else None
    update_dataset(folder, {"review": review}, show, files)
    lines = [f"signed: {statement['name']}, {statement['role']}, {statement['date']}: {statement['scope']}"]
    lines += [f"replaced: the sign-off of {d['name']} ({d['date']})" for d in dropped]
    counts = review["figures"]["items"]
    for key, what in (("open", "readers disagree and nobody decided"), ("unread", "nobody read")):
        if counts[key]:
            lines.append(
                f"note: {counts[key]:,} of {counts['sampled']:,} items: {what}; the sign-off says so"
            )
    lines.append(f"written: {folder.path / 'manifest.json'}, README.md, report.html, review/")
    return lines


def _check_text(text: str, option: str) -> str:
    clean = clean_line(text)
    if not clean or len(clean) > LONGEST:
        raise UserError(f"blank, or longer than {LONGEST} characters", where=option)
    if option == "--sign-off":
        try:
            check_name(clean)
        except ValueError as e:
            raise UserError(str(e), where=option) from e
    return clean


def _check_date(text: str | None) -> str:
    if text is None:
        return datetime.datetime.now(datetime.UTC).date().isoformat()
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise UserError("not a date", where=f"--date {text}", how="YYYY-MM-DD, e.g. 2026-11-28") from None
