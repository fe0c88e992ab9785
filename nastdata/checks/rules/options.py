"""What holds of paired multiple-choice questions (``docs/designs.md``)."""

from __future__ import annotations

import polars as pl

from nastdata.checks.verdicts import Ledger, judge_rows
from nastdata.ontology import Ontology, find_denied_beside
from nastdata.records import LETTERS

_LABELS = pl.col("choice_labels")


def true_labels() -> pl.Expr:
    """Return the labels of the right option: what the item says is true of its study."""
    at = pl.col("answer").replace_strict(list(LETTERS), range(4), default=None, return_dtype=pl.Int64)
    return _LABELS.list.get(at, null_on_oob=True)


def check_options(ledger: Ledger, frame: pl.DataFrame, ontology: Ontology) -> None:
    """Check the make-up of items: the other rules take it for granted."""
    texts = {"negated_choices": "negated", "affirmative_choices": "affirmative"}
    lowered = {c: pl.col(c).list.eval(pl.element().str.to_lowercase().str.strip_chars()) for c in texts}
    ranks = pl.col("conditions").list.eval(
        pl.element().replace_strict(list(ontology.order), list(ontology.order.values()), default=None)
    )
    each = pl.element()
    judge_rows(
        ledger,
        "options",
        "mednega",
        frame,
        {
            "not three different conditions": (pl.col("conditions").list.len() == 3)
            & (pl.col("conditions").list.n_unique() == 3),
            "conditions not in the ontology's order": ranks == ranks.list.sort(),
            "not four options of three labels": (_LABELS.list.len() == 4)
            & _LABELS.list.eval((each.list.len() == 3).all()).list.first(),
            "a label is neither 0 nor 1": _LABELS.list.eval(
                each.list.eval(pl.element().is_in([0, 1]).fill_null(False).all()).list.first().all()
            ).list.first(),
            "two options with the same labels": _codes().list.n_unique() == 4,
            "the answer is no option": true_labels().is_not_null(),
            **{
                f"not four different {name} texts": (pl.col(c).list.len() == 4)
                & (lowered[c].list.n_unique() == 4)
                for c, name in texts.items()
            },
        },
        text=pl.col("question"),
    )


def check_planes(ledger: Ledger, frame: pl.DataFrame) -> None:
    """Check that options form a mixed-polarity plane: closed under XOR, each with both polarities."""
    part = frame.filter(pl.col("design") == "balanced")
    if not len(part):
        ledger.skip("plane", "mednega", "the design is not balanced")
        return
    codes = _codes()
    xor = codes.list.get(0) ^ codes.list.get(1) ^ codes.list.get(2) ^ codes.list.get(3)
    checks = {
        "options are no plane: one of them is the centre": xor == 0,
        "an option of one polarity only": (codes.list.min() > 0) & (codes.list.max() < 7),
    }
    judge_rows(ledger, "plane", "mednega", part, checks)


def check_labels(
    ledger: Ledger, frame: pl.DataFrame, ontology: Ontology, hierarchy: bool | None, clashes: bool | None
) -> None:
    """Check every option's labels against the label hierarchy and the clashes of affirmative phrases.

    Args:
        ledger: where the verdicts go.
        frame: items.
        ontology: parents and clashes.
        hierarchy: whether the recipe avoids contradictions; None if there is no recipe: worth a warning.
        clashes: the same of clashes.
    """
    told = ["conditions", "choice_labels", "affirmative_choices"]
    distinct = frame.select(told).unique(maintain_order=True)
    found: dict[str, list[str | None]] = {"hierarchy": [], "clashes": []}
    for conditions, options, texts in distinct.iter_rows():
        said = [dict(zip(conditions, labels, strict=True)) for labels in options]
        found["hierarchy"].append(next((r for s in said if (r := _find_orphan(s, ontology))), None))
        pairs = zip(said, texts, strict=False)
        found["clashes"].append(next((r for s, t in pairs if (r := _find_clash(s, t, ontology))), None))
    for rule, promised in (("hierarchy", hierarchy), ("clashes", clashes)):
        reasons = distinct.with_columns(pl.Series("reason", found[rule], pl.String)).drop_nulls("reason")
        if promised is False:
            ledger.skip(rule, "mednega", "the recipe doesn't ask for it")
            continue
        bad = frame.join(reasons, on=told, how="inner").with_columns(pl.lit(None, pl.String).alias("text"))
        ledger.add(rule, "mednega", len(frame), bad, warn=promised is None)


def _find_orphan(said: dict[str, int], ontology: Ontology) -> str | None:
    for absent, value in said.items():
        for denied in sorted(ontology.denied_by_name.get(absent, ())):
            if value == 0 and said.get(denied) == 1:
                return f"{denied} without {absent}"
    return None


def _find_clash(said: dict[str, int], text: str, ontology: Ontology) -> str | None:
    found = find_denied_beside(text, said, ontology)
    return f"'{found[0]}' beside {found[1]}" if found else None


def check_groups(ledger: Ledger, frame: pl.DataFrame) -> None:
    """Check that groups of balanced items are whole: the same options and texts, each true once."""
    part = frame.filter(pl.col("design") == "balanced")
    if not len(part):
        ledger.skip("groups", "mednega", "the design is not balanced")
        return
    options = (
        part.select("key", "choice_labels", "negated_choices", "affirmative_choices")
        .explode("choice_labels", "negated_choices", "affirmative_choices")
        .select(
            "key",
            pl.struct(
                pl.col("choice_labels").list.get(0).alias("a"),
                pl.col("choice_labels").list.get(1).alias("b"),
                pl.col("choice_labels").list.get(2).alias("c"),
                pl.col("negated_choices").alias("n"),
                pl.col("affirmative_choices").alias("p"),
            ).alias("option"),
        )
        .group_by("key")
        .agg(pl.col("option").sort().alias("said"))
    )
    groups = (
        part.with_columns(true_labels().alias("true"))
        .join(options, on="key", how="left")
        .group_by("group_id")
        .agg(
            pl.len().alias("rows"),
            pl.col("split").n_unique().alias("splits"),
            pl.col("split").first().alias("split"),
            pl.struct("source", "study_id").n_unique().alias("studies"),
            pl.col("true").n_unique().alias("truths"),
            pl.struct("conditions", "question", "plan_id").n_unique().alias("wordings"),
            pl.col("said").hash().n_unique().alias("said"),
        )
        .rename({"group_id": "key"})
        .sort("key")
    )
    judge_rows(
        ledger,
        "groups",
        "mednega",
        groups,
        {
            "not four items": pl.col("rows") == 4,
            "in two splits": pl.col("splits") == 1,
            "a study is there twice": pl.col("studies") == pl.col("rows"),
            "not each option is true once": pl.col("truths") == 4,
            "items with different conditions, questions or plans": pl.col("wordings") == 1,
            "items with different options or texts": pl.col("said") == 1,
        },
    )


def _codes() -> pl.Expr:
    """Options as numbers: 4, 2 and 1 for the three conditions."""
    e = pl.element().list
    return _LABELS.list.eval(
        e.get(0, null_on_oob=True) * 4 + e.get(1, null_on_oob=True) * 2 + e.get(2, null_on_oob=True)
    )
