"""Nothing empties in silence: what came out empty, why, and what to do about it, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from nastdata.recipe import BuildRecipe, ContextualRecipe
from nastdata.records import SPLITS

LOW_SHARE = 0.7
"""Part of the share that was aimed at below which a kind of negation is reported."""
ENOUGH_TO_TEST = 100
"""Test studies of a condition below which a figure of its own says little: at 80 % right, 71 to 87 %."""


def explain_empty(
    made: Mapping[str, pl.DataFrame], studies: pl.DataFrame, recipe: BuildRecipe
) -> dict[str, str]:
    """Return config without rows -> why it has none, with the next step.

    Args:
        made: config -> its rows.
        studies: label or fact frame with ``split``.
        recipe: of the build.
    """
    return {config: _explain(config, studies, recipe) for config, frame in made.items() if not len(frame)}


def _explain(config: str, studies: pl.DataFrame, recipe: BuildRecipe) -> str:
    if studies.is_empty():
        return "the source says nothing of the ontology's conditions: its labels are blank, or about others"
    if isinstance(recipe, ContextualRecipe):
        located = int(studies["location"].is_not_null().sum())
        graded = int(studies["severity"].is_not_null().sum())
        known = (
            f"{_count(len(studies), 'fact')} with {_count(located, 'place')} and {_count(graded, 'grade')}"
        )
        if config == "contextual_claims":
            k = recipe.claims.least
            return (
                f"a set of {_spell(k)} claims needs a finding with {_spell(k)} different states, each seen "
                f"in a study of the same split; the source gives {known}. Use a source with "
                "places or grades, add studies, or leave claims out (--set claims.enabled=false)"
            )
        return (
            f"balanced captions need a finding that is {_say_where_captions_fail(studies)}; the source gives "
            f"{known}. "
            "Add studies, or --set captions.balanced=false"
        )
    n = studies.select("source", "patient_id", "study_id").n_unique()
    return f"{_count(n, 'study', 'studies')} gave no rows. Add studies, or choose a source with more findings"


def _say_where_captions_fail(studies: pl.DataFrame) -> str:
    """Return what balanced captions lack: both states in one split, or studies of both with like numbers."""
    sure = studies.filter(pl.col("existence").is_in(["present", "absent"]))
    states = sure.group_by("source", "split", "condition").agg(pl.col("existence").n_unique())
    if (states["existence"] < 2).all():
        return "present in one study and absent in another of the same split"
    return (
        "present in one study and absent in another of the same split with a study number of like size. Here "
        "the number alone would give the answer away (is the table sorted by label?). Number the studies in "
        "an order that has nothing to do with their labels"
    )


def tell_empty(empty: Mapping[str, str]) -> str:
    """Return one sentence on all empty configs; those with one reason together."""
    by_reason: dict[str, list[str]] = {}
    for config, why in empty.items():
        by_reason.setdefault(why, []).append(config)
    return "; ".join(f"{' and '.join(configs)}: none: {why}" for why, configs in by_reason.items())


def find_empty_splits(
    configs: Mapping[str, pl.DataFrame], studies: pl.DataFrame, recipe: BuildRecipe
) -> list[str]:
    """Return a warning for each config that has rows, but none in some split."""
    people = dict(
        studies.select("split", "source", "patient_id").unique()["split"].value_counts().iter_rows()
    )
    total = sum(people.values())
    out = []
    for config, frame in configs.items():
        there = set(frame["split"].unique().to_list())
        lacking = [s for s in SPLITS if s not in there and getattr(recipe.splits, s) > 0]
        if not lacking:
            continue
        deserted = [s for s in lacking if not people.get(s)]
        told = f"{config}: no rows in {' or '.join(lacking)}"
        if deserted and (len(deserted) == len(lacking) or recipe.limit is None):
            why = f"{_count(total, 'patient')} did not reach all splits. Add patients, or change splits.train"
        elif recipe.limit is not None:
            why = f"a limit of {recipe.limit} leaves nothing for it. Raise --limit"
        else:
            have = ", ".join(f"{s} {people.get(s, 0):,}" for s in lacking)
            why = f"its patients ({have}) were too few or too alike. Add patients, or give it a larger share"
        out.append(f"{told}: {why}")
    return out


def count_tested(configs: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, int]]:
    """Return config -> condition -> studies of the test split with a row about it, of contextual configs."""
    out = {}
    for config, frame in configs.items():
        if config == "contextual_claims":
            about = frame.select("split", "source", "study_id", "condition")
        elif config == "contextual_captions":
            condition = pl.col("fact").struct.field("condition").alias("condition")
            about = frame.select("split", "source", "study_id", condition)
        else:
            continue
        there = about["condition"].unique().sort().to_list()
        tested = about.filter(pl.col("split") == "test").unique()["condition"].value_counts()
        out[config] = dict.fromkeys(there, 0) | dict(sorted(tested.iter_rows()))
    return out


def tell_untested(tested: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a line for each config with conditions that have too few test studies to be tested alone."""
    out = []
    for config, counts in tested.items():
        few = [f"{c} ({n})" for c, n in counts.items() if n < ENOUGH_TO_TEST]
        if not few:
            continue
        if len(few) == len(counts):
            which = f"no condition has {ENOUGH_TO_TEST} (most: {max(counts.values())})"
        else:
            which = f"too few to test {', '.join(few)}"
        out.append(f"{config}: test studies: {which}. Add studies, or report these conditions together")
    return out


def tell_unfilled(design: Mapping[str, Any]) -> list[str]:
    """Return a line for each config in which kinds of negation are well below the share that was aimed at.

    Args:
        design: config -> report of its design, with ``shares``.
    """
    out = []
    for config, report in design.items():
        shares = (report.get("shares") or {}) if isinstance(report, dict) else {}
        reached = shares.get("share_by_kind") or {}
        low = [
            f"{kind} {reached.get(kind, 0.0):.0%} (aimed at {share:.0%})"
            for kind, share in (shares.get("mix") or {}).items()
            if reached.get(kind, 0.0) < LOW_SHARE * share
        ]
        if low:
            out.append(f"{config}: the sources hold too little of {', '.join(low)}")
    return out


def find_blank(source: str, report: Mapping[str, object]) -> list[str]:
    """Return a warning if a label source says nothing at all of some conditions."""
    labels = report.get("labels")
    if not isinstance(labels, dict):
        return []
    blank = [c for c, n in labels.items() if not n["present"] and not n["absent"] and not n["uncertain"]]
    if not blank:
        return []
    shown = ", ".join(blank[:6]) + (f" and {len(blank) - 6} more" if len(blank) > 6 else "")
    return [f"{source}: says nothing of {shown}: blank in every study, so no row will be about {_it(blank)}"]


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"1 {one}" if n == 1 else f"{n or 'no':{',' if n else ''}} {many or one + 's'}"


def _spell(n: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven"}.get(n, str(n))
