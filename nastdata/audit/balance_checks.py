"""Balance of a dataset's parts, and what crosses its splits: counts, without training anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from nastdata.audit.choices import CONTEXT, ChoiceSet, Floats, rank_strings
from nastdata.audit.features import compare_options, count_words, subtract_item_mean
from nastdata.audit.intervals import FAMILY_Z, bound_accuracy
from nastdata.ontology import Ontology, find_denied_beside
from nastdata.seeded import draw_int, mix_codes

CAPTION_CELLS: dict[str, tuple[str, ...]] = {
    "condition": ("condition",),
    "location": ("location",),
    "severity": ("severity",),
    "condition, location and severity": ("condition", "location", "severity"),
}
"""What a caption's polarity must not be guessed from: its fact."""
WORDING_CELLS = ("characters", "words", "condition and characters")
"""The same, of its words; a language model may be unable to word a denial as short as a statement."""


def check_positions(choices: ChoiceSet) -> dict[str, Any]:
    """Count where the right answer stands, beside what equal use of every position would give."""
    from scipy.stats import chi2

    place = choices.right - choices.start[:-1]
    counts = np.bincount(place, minlength=int(choices.sizes.max()))
    expected = np.bincount(choices.position, weights=choices.chance[choices.item_of])
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return {
        "counts": counts.tolist(),
        "p": float(chi2.sf(statistic, len(counts) - 1)),
        "largest_deviation": float(np.abs(counts - expected).max() / len(place)),
    }


def check_lengths(choices: ChoiceSet) -> dict[str, Any]:
    """Compare the length of right and wrong options, in characters."""
    out = {}
    for view, column in choices.texts.items():
        length = count_words(column)[:, :1]
        relative = subtract_item_mean(length, choices)[:, 0][choices.right]
        error = float(relative.std(ddof=1) / np.sqrt(len(relative))) if len(relative) > 1 else 0.0
        out[view] = {
            "right": float(length[choices.right].mean()),
            "wrong": float(length[~choices.is_right].mean()),
            "right_less_item_mean": float(relative.mean()),
            "standard_error": error,
        }
    return out


def check_statements(frame: pl.DataFrame, ontology: Ontology) -> dict[str, Any]:
    """MedNega: options that say nothing absent, nothing present, what the hierarchy forbids, or clash.

    Returns:
        Kind -> {"right", "wrong"}: how many right and wrong options are of it.
    """
    at = pl.col("answer").replace_strict({"A": 0, "B": 1, "C": 2, "D": 3}, return_dtype=pl.Int64)
    options = (
        frame.select("conditions", "choice_labels", "affirmative_choices", at.alias("at"))
        .with_columns(pl.lit([0, 1, 2, 3]).alias("place"))
        .explode("choice_labels", "affirmative_choices", "place")
        .with_columns((pl.col("place") == pl.col("at")).alias("right"))
    )
    told = ["conditions", "choice_labels", "affirmative_choices", "right"]
    counts = options.group_by(told).agg(pl.len().alias("n"))
    forbidden = {(d, absent) for absent, denied in ontology.denied_by_name.items() for d in denied}
    out = {
        kind: {"right": 0, "wrong": 0} for kind in ("all_present", "all_absent", "contradicting", "clashing")
    }
    for names, labels, text, right, n in counts.iter_rows():
        there = [c for c, one in zip(names, labels, strict=True) if one]
        missing = [c for c, one in zip(names, labels, strict=True) if not one]
        pairs = {(p, a) for p in there for a in missing}
        kinds = {
            "all_present": not missing,
            "all_absent": not there,
            "contradicting": bool(pairs & forbidden),
            "clashing": find_denied_beside(text, dict(zip(names, labels, strict=True)), ontology) is not None,
        }
        for kind, holds in kinds.items():
            out[kind]["right" if right else "wrong"] += n if holds else 0
    return out


def check_labels(choices: ChoiceSet) -> dict[str, Any]:
    """MedNega: findings called present by right and wrong options, and their flip distances."""
    present = choices.attributes[:, 3:].sum(axis=1)
    agree, _ = compare_options(choices, slice(3, 6))
    others = choices.sizes[choices.item_of] - 1
    distance = 3 - agree.sum(axis=1) / others
    right = choices.is_right
    return {
        "present_findings": {
            str(n): {"right": int((present[right] == n).sum()), "wrong": int((present[~right] == n).sum())}
            for n in range(4)
        },
        "mean_flip_distance": {
            "right": float(distance[right].mean()),
            "wrong": float(distance[~right].mean()),
        },
    }


def check_planes(frame: pl.DataFrame) -> dict[str, Any]:
    """MedNega: is each set of four statements used equally often with each member as the truth, per split.

    Also whether each group holds four items with four different truths and the same eight texts.
    """
    truth = pl.col("choice_labels").list.get(
        pl.col("answer").replace_strict({"A": 0, "B": 1, "C": 2, "D": 3}, return_dtype=pl.Int64)
    )
    as_text = pl.col("choice_labels").list.eval(pl.element().cast(pl.List(pl.String)).list.join(""))
    items = frame.select(
        "split",
        "group_id",
        pl.col("conditions").list.join("|").alias("triple"),
        as_text.list.sort().list.join(" ").alias("plane"),
        truth.cast(pl.List(pl.String)).list.join("").alias("truth"),
        _hash_texts(frame["negated_choices"]).alias("negated"),
        _hash_texts(frame["affirmative_choices"]).alias("affirmative"),
    )
    uses = items.group_by("split", "triple", "plane", "truth").agg(pl.len().alias("uses"))
    planes = uses.group_by("split", "triple", "plane").agg(
        pl.col("uses").min().alias("least"), pl.col("uses").max().alias("most"), pl.len().alias("truths")
    )
    unequal = planes.filter((pl.col("least") != pl.col("most")) | (pl.col("truths") != 4))
    groups = items.group_by("group_id").agg(
        pl.len().alias("items"),
        pl.col("truth").n_unique().alias("truths"),
        pl.struct("triple", "plane", "negated", "affirmative").n_unique().alias("wordings"),
    )
    broken = groups.filter((pl.col("items") != 4) | (pl.col("truths") != 4) | (pl.col("wordings") != 1))
    return {
        "planes": len(planes),
        "unequal_planes": len(unequal),
        "groups": len(groups),
        "broken_groups": len(broken),
    }


def check_families(frame: pl.DataFrame) -> dict[str, Any]:
    """Claims: how many sets belong to a group whose every text is the truth equally often."""
    sets = frame.select(
        "group_id",
        pl.col("claims").list.get(pl.col("answer")).alias("truth"),
        pl.col("claims").list.len().alias("size"),
    ).with_columns(_hash_texts(frame["claims"]).alias("texts"))
    uses = sets.group_by("group_id", "texts", "size", "truth").agg(pl.len().alias("uses"))
    groups = uses.group_by("group_id", "texts", "size").agg(
        pl.col("uses").min().alias("least"),
        pl.col("uses").max().alias("most"),
        pl.col("uses").sum().alias("sets"),
        pl.len().alias("truths"),
    )
    equal = groups.filter((pl.col("least") == pl.col("most")) & (pl.col("truths") == pl.col("size")))
    return {"sets": len(sets), "groups": len(groups), "sets_in_closed_groups": int(equal["sets"].sum() or 0)}


def check_duplicates(frame: pl.DataFrame, text: str) -> dict[str, Any]:
    """Count rows that repeat the image and the texts (in any order) of another."""
    keys = frame.select("source", "study_id", "image_id").with_columns(_hash_texts(frame[text]).alias("text"))
    return {"repeated_rows": len(keys) - keys.n_unique()}


def check_crossing(frame: pl.DataFrame, text: str) -> dict[str, Any]:
    """Count patients and groups in two splits, and held-out texts that stand word for word in train."""
    patient = frame.select("split", pl.concat_str("source", "patient_id", separator="/").alias("key"))
    out: dict[str, Any] = {"patients_in_two_splits": _count_crossing(patient)}
    if "group_id" in frame.columns:
        groups = frame.select("split", pl.col("group_id").alias("key"))
        out["groups_in_two_splits"] = _count_crossing(groups)
    texts = frame.select("split", pl.col(text).alias("key"))
    if frame[text].dtype == pl.List:
        texts = texts.explode("key")
    texts = texts.unique()
    seen = texts.filter(pl.col("split") == "train").select("key")
    held = texts.filter(pl.col("split") != "train").select("key").unique()
    if len(held):
        out["held_out_texts_seen_in_train"] = len(held.join(seen, on="key", how="semi")) / len(held)
    return out


def check_captions(frame: pl.DataFrame, folds: int, seed: int) -> dict[str, Any]:
    """Guess a caption's polarity from its condition, place, grade, source, ids, order or length.

    As other patients' captions have it.

    Returns:
        Cell -> accuracy with interval (clustered by patient), beside the base rate: always the commoner
        polarity of the other patients' captions.
    """
    fact = frame["fact"].struct.unnest().cast(pl.String)
    negated = (frame["polarity"] == "negated").to_numpy()
    names, patient = rank_strings(
        frame.select(pl.concat_str("source", "patient_id", separator="/")).to_series()
    )
    fold = np.array([draw_int(seed, "caption fold", p) % folds for p in names], dtype=np.int64)[patient]
    everything = np.zeros(len(frame), dtype=np.int64)
    # Of two values one can always guess the commoner, or either: no base rate is below a half.
    base = max(0.5, bound_accuracy(_guess_majority(everything, negated, fold, folds), [patient])[0])
    out: dict[str, Any] = {
        "n": len(frame),
        "negated": float(negated.mean()),
        "base_rate": base,
        "cells": {},
    }
    keys = {
        name: fact.select(pl.concat_str(pl.col(list(columns)).fill_null(""), separator="|")).to_series()
        for name, columns in CAPTION_CELLS.items()
    }
    distinct, text = rank_strings(frame["caption"])
    characters = distinct.str.len_chars().cast(pl.String).gather(text)
    keys |= {
        "characters": characters,
        "words": distinct.str.count_matches(" ").cast(pl.String).gather(text),
        "condition and characters": fact["condition"] + "|" + characters,
    }
    for column in (c for c in frame.columns if c.startswith(CONTEXT)):
        name = column.removeprefix(CONTEXT)
        code = frame[column].cast(pl.String)
        keys |= {name: code, f"condition and {name}": fact["condition"] + "|" + code}
    for name, key in keys.items():
        hits = _guess_majority(rank_strings(key)[1], negated, fold, folds)
        accuracy, low, high = bound_accuracy(hits, [patient])
        surely = bound_accuracy(hits, [patient], FAMILY_Z)[1] > base
        out["cells"][name] = {"accuracy": accuracy, "low": low, "high": high, "above_base": surely}
    return out


def _hash_texts(texts: pl.Series) -> pl.Series:
    """Return a 64-bit code of each row's texts, in any order.

    Of a million rows two are alike by luck once in ten million times.
    """
    if texts.dtype != pl.List:
        return texts.hash()
    ends = np.cumsum(texts.list.len().fill_null(0).to_numpy().astype(np.int64))
    codes = mix_codes(texts.drop_nulls().explode(empty_as_null=False).hash().to_numpy(), draw_int(0, "texts"))
    before = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes, dtype=np.uint64)])
    start = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    return pl.Series(before[ends] - before[start])


def _count_crossing(keys: pl.DataFrame) -> int:
    splits = keys.unique().group_by("key").agg(pl.len().alias("splits"))
    return len(splits.filter(pl.col("splits") > 1))


def _guess_majority(
    cell: np.ndarray[Any, np.dtype[np.int64]],
    negated: np.ndarray[Any, np.dtype[np.bool_]],
    fold: np.ndarray[Any, np.dtype[np.int64]],
    folds: int,
) -> Floats:
    """Return (rows,) 1 where the majority of the cell's rows in other folds is right, 0.5 for a tie."""
    size = int(cell.max()) + 1
    lean = np.where(negated, 1.0, -1.0)
    by_fold = np.bincount(cell * folds + fold, weights=lean, minlength=size * folds).reshape(size, folds)
    others = (by_fold.sum(axis=1, keepdims=True) - by_fold)[cell, fold]
    out: Floats = (1.0 + np.sign(others) * lean) / 2.0
    return out
