"""Do rows still belong to their studies: digests, ids made of what they name, splits, sources, terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from nastdata.checks.integrity import Opened
from nastdata.checks.verdicts import Bad, Ledger
from nastdata.dataset.binding import bind_images, bind_rows
from nastdata.dataset.kept import find_kept_source
from nastdata.dataset.splits import assign_splits
from nastdata.design.mednega.items import name_item
from nastdata.design.mednega.planes import PLANES
from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.recipe import SplitShares
from nastdata.records import LETTERS
from nastdata.registry import list_adapters
from nastdata.sources import get_source


def check_binding(ledger: Ledger, opened: Opened) -> None:
    """Compare the rows with the digests that the manifest records."""
    recorded = (opened.folder.manifest or {}).get("bindings")
    for config, frame in opened.frames.items():
        known = recorded.get(config) if isinstance(recorded, dict) else None
        if not isinstance(known, dict):
            ledger.skip("binding", config, "no manifest records any digest of the rows")
            continue
        bad = []
        if bind_rows(config, frame.drop("key")) != known.get("rows"):
            bad.append(
                Bad(
                    "the rows are not those that were built: a study, truth, split or text has changed",
                    config,
                )
            )
        if bind_images(opened.folder.files[config], config) != known.get("images"):
            bad.append(Bad("images do not belong to the rows that they were built for", config))
        ledger.add("binding", config, len(frame), bad)


def check_item_ids(ledger: Ledger, frame: pl.DataFrame, ontology: Ontology) -> None:
    """An item's id is a hash of its study and conditions, a group's of its items: no other row fits."""
    bad: list[Bad] = []
    columns = ("key", "split", "source", "patient_id", "study_id", "design", "conditions", "choice_labels")
    for key, split, *study, design, conditions, options in frame.select(columns).iter_rows():
        wanted = _name_mednega(design, study, conditions, options)
        if wanted is not None and key != wanted:
            bad.append(Bad("the item's id belongs to another study or other conditions", key, split))
    by_group = frame.filter(pl.col("design") == "balanced").group_by("group_id", maintain_order=True)
    for (group,), rows in by_group:
        ordered = [key for _, key in sorted(map(_read_truth, rows.iter_rows(named=True)))]
        if len(ordered) == 4 and group != name_item("mg", *ordered):
            bad.append(Bad("the group's id belongs to other items", str(group), rows["split"][0]))
    ledger.add("ids", "mednega", len(frame), bad, note="ids fit their studies")


def _name_mednega(
    design: str, study: list[str], conditions: list[str], options: list[list[int]]
) -> str | None:
    if design == "paper":
        return name_item("mn", "paper", *study)
    shown = tuple(sorted(tuple(o) for o in options))
    if design == "balanced" and shown in PLANES:
        return name_item("mn", "balanced", *study, *conditions, str(PLANES.index(shown)))
    return None


def _read_truth(row: Mapping[str, Any]) -> tuple[tuple[int, ...], str]:
    """Return the labels of the right option, by which a group's items are in order, and the item's id."""
    return tuple(row["choice_labels"][LETTERS.index(row["answer"])]), row["key"]


def check_splits(ledger: Ledger, opened: Opened) -> None:
    """Every patient is in the split that the recipe's seed and shares give it."""
    shares = opened.setting("splits")
    seed = opened.setting("seed")
    if not isinstance(shares, dict) or not isinstance(seed, int) or shares.get("keep_own"):
        why = "the corpus's own splits were kept" if isinstance(shares, dict) else "no recipe says how"
        return ledger.skip("splits", None, why)
    seen = pl.concat([f.select("source", "patient_id", "split") for f in opened.frames.values()]).unique()
    wanted = assign_splits(
        seen.select("source", "patient_id").unique().with_columns(own_split=pl.lit(None, pl.String)),
        SplitShares(**shares),
        seed,
        list_families(seen["source"].unique().to_list()),
    )
    both = seen.join(wanted, on=["source", "patient_id"], suffix="_wanted")
    both = both.filter(pl.col("split") != pl.col("split_wanted"))
    both = both.select("source", "patient_id", "split", "split_wanted")
    bad = [
        Bad(f"patient in {split}, but the recipe puts it into {right}", f"{source}/{patient}", split)
        for source, patient, split, right in both.sort("source", "patient_id").iter_rows()
    ]
    return ledger.add("splits", None, len(seen), bad)


def list_families(names: list[str]) -> dict[str, str]:
    """Return built-in source -> family, of those that have one: its corpora have the same patients."""
    known = list_adapters("nastdata.sources")
    adapters = {n: known[n] for n in names if n in known and known[n].built_in}
    return {n: a.load().family for n, a in adapters.items() if a.load().family}


def check_provenance(ledger: Ledger, opened: Opened) -> None:
    """Sources, their terms, and who reviewed the ontology are as this installation knows them."""
    manifest = opened.folder.manifest
    if manifest is None:
        return ledger.skip("provenance", None, "no manifest says where the rows are from")
    bad: list[Bad] = []
    listed = [s for s in manifest.get("sources") or () if isinstance(s, dict)]
    names = {s.get("name") for s in listed}
    for frame in opened.frames.values():
        strange = frame.filter(~pl.col("source").is_in(list(names)))
        bad += [
            Bad(f"a source that the manifest does not list: {source}", key, split)
            for key, split, source in strange.select("key", "split", "source").iter_rows()
        ]
    known = list_adapters("nastdata.sources")
    for s in listed:
        adapter = known.get(str(s.get("name")))
        kept = find_kept_source(opened.folder.path, str(s.get("name")))
        if adapter is not None and adapter.built_in:
            owned = adapter.load().terms
        elif kept.endswith(".yaml"):
            try:
                owned = get_source(kept).terms
            except UserError as e:
                bad.append(Bad(f"its description is not readable ({e.what})", kept))
                continue
        else:
            continue
        terms = asdict(owned)
        given = s.get("terms")
        said: dict[str, Any] = given if isinstance(given, dict) else {}
        changed = sorted(k for k, v in terms.items() if said.get(k) != v)
        if changed:
            bad.append(Bad(f"terms of {s['name']} are not its owner's: {', '.join(changed)}", "sources"))
    about = manifest.get("ontology")
    review: Any = about.get("review") if isinstance(about, dict) else None
    same = isinstance(about, dict) and about.get("sha256") == opened.ontology.fingerprint
    if same and review != opened.ontology.review.model_dump(mode="json"):
        bad.append(Bad("the review that is claimed is not the ontology's", "ontology.review"))
    signed = review.get("sign_offs") if isinstance(review, dict) else None
    if same and signed and isinstance(about, dict) and about.get("content") != opened.ontology.content:
        bad.append(Bad("the ontology's sign-offs were not made for its content", "ontology.content"))
    bad += [Bad(f"the recipe asks for {c}, which is not there", c) for c in _missing_configs(opened)]
    ledger.add("provenance", None, len(listed) + 1, bad)


def _missing_configs(opened: Opened) -> list[str]:
    if opened.setting("recipe") != "contextual":
        return []
    wanted = {"contextual_claims": "claims", "contextual_captions": "captions"}
    lacking = [
        c for c, key in wanted.items() if opened.setting(key, "enabled") and c not in opened.folder.files
    ]
    return [c for c in lacking if not _came_out_empty(opened.folder.manifest or {}, c)]


def _came_out_empty(manifest: Mapping[str, Any], config: str) -> bool:
    """Whether the build says that a config had no rows, and counts none."""
    told, counts = manifest.get("empty_configs"), manifest.get("counts")
    texts = counts.get("text") if isinstance(counts, dict) else None
    report = texts.get(config) if isinstance(texts, dict) else None
    return (
        isinstance(told, dict) and config in told and isinstance(report, dict) and not report.get("accepted")
    )
