"""``nastdata review DIR --apply``: a new dataset without what reviewers rejected, and what that cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.audit.run import AuditReport, audit_frames, find_promises
from nastdata.dataset.binding import bind_rows
from nastdata.dataset.folder import DatasetFolder, check_output, write_dataset
from nastdata.dataset.kept import ONTOLOGY, SOURCES, load_kept_ontology
from nastdata.errors import NothingMadeError, UserError
from nastdata.frames import REJECTS_SCHEMA
from nastdata.recipe import AuditSettings
from nastdata.records import COLUMN_ORDER
from nastdata.review.changes.corrections import Rewording, plan_rewording, reword_frame
from nastdata.review.changes.kept_images import read_frames
from nastdata.review.changes.removal import Removal, plan_removal
from nastdata.review.items import digest_row, show_row
from nastdata.review.outcomes import Outcome
from nastdata.review.records import ANSWERS, CHANGES, SAMPLE, Records, dump_records, seal, take_records
from nastdata.review.session import Session
from nastdata.review.signing import hash_records, make_review

STAGE = "review"


@dataclass(frozen=True)
class Applied:
    """What was written, in lines; and what the blind audit of the new rows objects to."""

    lines: tuple[str, ...]
    failures: tuple[str, ...]


def apply_review(session: Session, out: Path, *, corrections: bool = True) -> Applied:
    """Write the changed dataset; say what it cost.

    Args:
        session: the review, of a dataset.
        out: the new folder.
        corrections: whether items are reworded where readers agree on a better text.

    Raises:
        UserError: if nothing was answered, readers still disagree, or the folder is not the reviewed one.
        NothingMadeError: if no row is left.
    """
    folder = session.folder
    assert folder is not None
    check_output(out)
    if out.resolve() == folder.path.resolve():
        raise UserError("the reviewed folder stays as it is", where=f"--out {out}", how="name a new folder")
    if folder.manifest is None:
        raise UserError(
            "a folder without a manifest is not rewritten: nothing says what its rows promise",
            where=str(folder.path),
            how="--figures and --export list what was rejected",
        )
    records = take_records(session.store)
    outcomes = records.outcomes
    _check_ready(folder, records, outcomes)
    frames, images = read_frames(folder)
    _check_rows(folder, records, frames)
    ontology = load_kept_ontology(folder.path, (folder.manifest or {}).get("recipe"))
    wording = plan_rewording(outcomes, frames, ontology) if corrections else Rewording()
    mended = {(c.config, c.key) for c in wording.changes}
    rejected = {
        (o.item.config, o.item.key): "; ".join(o.reasons)
        for o in outcomes
        if o.status == "rejected" and (o.item.config, o.item.key) not in mended
    }
    removal = plan_removal(rejected, frames, (folder.manifest or {}).get("recipe") or {}, session.plan.seed)
    gone = {c: set(keys) for c, keys in removal.reasons.items()}
    changes = [c for c in wording.changes if c.key not in gone.get(c.config, ())]
    rejects = pl.concat([_old_rejects(folder), *(_reject(c, f, removal) for c, f in frames.items())])
    new = {}
    for config, frame in frames.items():
        left = frame.filter(~pl.col(frame.columns[0]).is_in(list(gone.get(config, ()))))
        new[config] = reword_frame(config, left, changes)
    left_configs = {c: f for c, f in new.items() if len(f)}
    if not left_configs:
        raise NothingMadeError(
            "no row is left", where=str(folder.path), how="every group held a rejected item"
        )
    report = _audit(folder, left_configs, ontology)
    files = dump_records(records)
    told = _describe_changes(folder, records, frames, new, changes, removal, wording)
    files[CHANGES] = (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()
    manifest = _change_manifest(folder, frames, left_configs, rejects, removal, report, files, records, told)
    write_dataset(
        out,
        left_configs,
        rejects,
        manifest,
        embedder=images,
        image_loader=session.images.read if session.images is not None else None,
        kept={**_list_kept(folder), **files},
    )
    lines = _tell_cost(frames, new, removal, rejected, changes, wording, report)
    return Applied((*lines, f"written: {out}"), tuple(report.verdict["failures"] if report else ()))


def _check_ready(folder: DatasetFolder, records: Records, outcomes: list[Outcome]) -> None:
    if not records.answers:
        how = f"nastdata review {folder.path} --reviewer AB --reviewer CD"
        raise UserError("nothing was answered yet", where=str(folder.path), how=how)
    open_items = [o.item.n for o in outcomes if o.status == "open"]
    if open_items:
        some = ", ".join(map(str, open_items[:5])) + (" ..." if len(open_items) > 5 else "")
        raise UserError(
            f"readers disagree on {len(open_items)} {'item' if len(open_items) == 1 else 'items'} ({some})",
            where=str(folder.path),
            how=f"a third reader decides: nastdata review {folder.path} --adjudicator EF",
        )


def _check_rows(folder: DatasetFolder, records: Records, frames: Mapping[str, pl.DataFrame]) -> None:
    """The reviewed rows have to be the ones that are there."""
    for item in records.items.values():
        frame = frames[item.config]
        found = frame.filter(pl.col(frame.columns[0]) == item.key)
        if len(found) != 1 or digest_row(item.config, found.row(0, named=True)) != item.digest:
            raise UserError(
                f"{item.config} {item.key} is not the row that was reviewed",
                where=str(folder.path),
                how=f"nastdata validate {folder.path} says what changed",
            )


def _old_rejects(folder: DatasetFolder) -> pl.DataFrame:
    found = folder.read_rejects()
    return pl.DataFrame(schema=REJECTS_SCHEMA) if found is None else found.select(list(REJECTS_SCHEMA))


def _reject(config: str, frame: pl.DataFrame, removal: Removal) -> pl.DataFrame:
    """Return the rows that leave a config, as rejects."""
    reasons = removal.reasons.get(config, {})
    key = frame.columns[0]
    rows = []
    for row in frame.filter(pl.col(key).is_in(list(reasons))).iter_rows(named=True):
        lines = [t for line in show_row(config, row).lines if line.right for t in line.texts.values()]
        rows.append((STAGE, reasons[row[key]], row["source"], row[key], " | ".join(lines)))
    return pl.DataFrame(rows, schema=REJECTS_SCHEMA, orient="row")


def _audit(folder: DatasetFolder, frames: dict[str, pl.DataFrame], ontology: Any) -> AuditReport | None:
    """Audit the new rows as the build audited the old ones; None if it did not."""
    recipe = (folder.manifest or {}).get("recipe") or {}
    if not (folder.manifest or {}).get("audit"):
        return None
    known = {k: v for k, v in (recipe.get("audit") or {}).items() if k in AuditSettings.model_fields}
    plain = {
        c: f.drop([x for x in ("image", "distractor_image") if x in f.columns]) for c, f in frames.items()
    }
    seed = int(recipe.get("seed") or 0)
    return audit_frames(plain, AuditSettings(**known), seed, ontology, promises=find_promises(recipe))


def _describe_changes(
    folder: DatasetFolder,
    records: Records,
    frames: Mapping[str, pl.DataFrame],
    new: Mapping[str, pl.DataFrame],
    changes: list[Any],
    removal: Removal,
    wording: Rewording,
) -> dict[str, Any]:
    """Return what was changed, for the folder's own records."""
    digests = {}
    for item in records.items.values():
        found = new[item.config].filter(pl.col(COLUMN_ORDER[item.config][0]) == item.key)
        if len(found):
            digests[str(item.n)] = digest_row(item.config, found.row(0, named=True))
    manifest = folder.manifest or {}
    return {
        "of": {
            "name": folder.path.resolve().name,
            "fingerprint": manifest.get("fingerprint"),
            "bindings": manifest.get("bindings")
            or {c: {"rows": bind_rows(c, f), "images": None} for c, f in frames.items()},
        },
        "removed": {c: dict(sorted(reasons.items())) for c, reasons in removal.reasons.items()},
        "reworded": [asdict(c) for c in changes],
        "not_reworded": {f"{c} {k}": why for (c, k), why in sorted(wording.refused.items())},
        "digests": digests,
    }


def _change_manifest(
    folder: DatasetFolder,
    frames: Mapping[str, pl.DataFrame],
    new: Mapping[str, pl.DataFrame],
    rejects: pl.DataFrame,
    removal: Removal,
    report: AuditReport | None,
    files: Mapping[str, bytes],
    records: Records,
    told: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the old manifest with the counts of what is there now."""
    manifest: dict[str, Any] = json.loads(json.dumps(folder.manifest or {"nastdata": None}))
    for name in ("outputs", "rows", "arrow_bytes", "bindings", "images", "format"):
        manifest.pop(name, None)
    counts = manifest.setdefault("counts", {})
    counts["rejects"] = dict(sorted(Counter(rejects["reason"].to_list()).items()))
    for config, frame in frames.items():
        lost = len(removal.reasons.get(config, {}))
        text = (counts.get("text") or {}).get(config)
        if text and "accepted" in text:
            text["accepted"] -= lost
            text["rejected"] = text.get("rejected", 0) + lost
        if config in (counts.get("written_by") or {}):
            kept = new.get(config, frame.clear())
            counts["written_by"][config] = _count_writers(kept)
    for config in set(frames) - set(new):
        manifest.setdefault("empty_configs", {})[config] = "every row left with the review"
    if report is not None:
        manifest["audit"] = report.to_json()
    old = (folder.manifest or {}).get("review") or {}
    signed = {k: files[k] for k in (SAMPLE, ANSWERS)}
    hashes = hash_records(signed)
    # whoever signed before more was answered has not signed these records
    sign_offs = [
        s for s in old.get("sign_offs", []) if s["digest"] == seal(s, hashes, told["of"]["bindings"])
    ]
    review = make_review(records, signed, sign_offs, "applied")
    review["records"] = hash_records(files)
    review["applied"] = {
        "of": told["of"],
        "removed": {c: removal.count(c) for c in removal.reasons},
        "reworded": len(told["reworded"]),
    }
    manifest["review"] = review
    return manifest


def _count_writers(frame: pl.DataFrame) -> dict[str, int]:
    if "realizer" not in frame.columns:
        return {}
    named = Counter(frame["realizer"].str.replace_all(r"#[^,]*", "").to_list())
    return dict(sorted(named.items()))


def _list_kept(folder: DatasetFolder) -> dict[str, bytes]:
    """Return what the folder keeps of its origin."""
    paths = [folder.path / ONTOLOGY, *sorted((folder.path / SOURCES).glob("*.yaml"))]
    return {p.relative_to(folder.path).as_posix(): p.read_bytes() for p in paths if p.is_file()}


def _tell_cost(
    frames: Mapping[str, pl.DataFrame],
    new: Mapping[str, pl.DataFrame],
    removal: Removal,
    rejected: Mapping[tuple[str, str], str],
    changes: list[Any],
    wording: Rewording,
    report: AuditReport | None,
) -> list[str]:
    lines = []
    for config, frame in frames.items():
        items = sum(c == config for c, _ in rejected)
        lost, left = len(frame) - len(new[config]), len(new[config])
        parts = ", ".join(f"{n} {r.removeprefix('review: ')}" for r, n in removal.count(config).items())
        share = f" ({lost / len(frame):.1%})" if len(frame) else ""
        lines.append(
            f"{config}: {items} rejected {'item' if items == 1 else 'items'} cost {lost:,} of {len(frame):,} "
            f"rows{share}; {left:,} left" + (f" ({parts})" if parts else "")
        )
    texts = len(changes)
    lines.append(f"reworded: {texts} {'text' if texts == 1 else 'texts'}")
    lines += [
        f"not reworded: {config} {key}: {why}" for (config, key), why in sorted(wording.refused.items())
    ]
    if report is not None:
        lines.append(f"audit: {report.summary()}")
    return lines
