"""What was checked, how often, and what did not hold: the gate's account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import polars as pl

Outcome = Literal["passed", "warned", "failed", "skipped"]

RULES: dict[str, str] = {
    "manifest": "the manifest can be read and agrees with itself: recipe, fingerprint, ontology, audit",
    "files": "every file that the manifest names is there, none too many, no shard is missing",
    "hashes": "every file has the sha256 that the manifest records",
    "readable": "every parquet file can be read to its end",
    "columns": "every file has the config's columns, in order, of the right types",
    "rows": "every split has the number of rows that the manifest records",
    "rejects": "what was left out is listed, each with its reason, as often as the manifest says",
    "binding": "rows are the ones that were built: studies, images, truths and texts belong together",
    "ids": "ids of items and groups are hashes of the studies, conditions and items that they name",
    "provenance": "sources, their terms, the ontology's review and the configs are what they are said to be",
    "review": "a sign-off belongs to these rows and to the records kept, and its figures follow from them",
    "splits": "every patient is in the split that the recipe gives it",
    "against_source": "every row agrees with the source files, read once more",
    "required": "no value that must be there is null or blank",
    "vocabulary": "every value of a closed list is on it; conditions are the ontology's",
    "identifiers": "identifiers hold no blanks, invisible characters or look-alikes",
    "keys": "no key is there twice",
    "patients": "every patient is in one split only, over all configs",
    "studies": "every study has one patient, every image one study",
    "options": "three conditions, four different label vectors, eight different texts, one right answer",
    "plane": "balanced options: no option is the centre, every option mixes polarities",
    "hierarchy": "no option has a finding without its parent",
    "clashes": "no affirmative phrase misleads beside a present finding",
    "questions": "question stems are neutral",
    "claims": "K different claims of K different facts, one answer, and what each claim alters",
    "facts": "every fact is possible: place and grade proper to the condition, and what the text denies",
    "one_attribute": "every false claim departs from the truth in exactly one attribute",
    "polarity": "polarity and negation type are those of the caption's fact",
    "balance": "as many negated captions as affirmative ones for every condition, place and grade",
    "groups": "groups are complete: the same texts, each true in one row, in one split",
    "pairs": "the two texts of a pair contradict one another, and the negated one is named",
    "protocols": "options differ, and each says just its fact",
    "images": "stored images are made of pixels alone, and can be decoded",
    "names": "no name in the headers of the source's images is anywhere in the folder",
    "round_trip": "every distinct text, read back, says just what is on record",
    "consistency": "no two rows contradict one another about one study",
    "expectations": "the Great Expectations suites hold",
    "audit": "without the image the answer can't be found",
}
"""Rule -> what it asks for, in the order in which verdicts are shown."""

FAILURES_SCHEMA: dict[str, pl.DataType] = {
    "rule": pl.String(),
    "config": pl.String(),
    "split": pl.String(),
    "key": pl.String(),
    "reason": pl.String(),
    "text": pl.String(),
}
"""One row for each thing that did not hold; ``key`` is the row's key, or a file."""


class Bad(NamedTuple):
    """One thing that did not hold."""

    reason: str
    key: str | None = None
    split: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What came of one rule in one config (None: the folder as a whole)."""

    rule: str
    config: str | None
    outcome: Outcome
    checked: int
    failed: int
    note: str = ""
    """The commonest reason, or why the rule could not run."""


@dataclass
class Ledger:
    """Collects verdicts and what failed."""

    verdicts: list[Verdict] = field(default_factory=list)
    parts: list[pl.DataFrame] = field(default_factory=list)

    def add(
        self,
        rule: str,
        config: str | None,
        checked: int,
        bad: Iterable[Bad] | pl.DataFrame = (),
        *,
        warn: bool = False,
        note: str = "",
    ) -> None:
        """Enter a verdict: passed if nothing is bad.

        Args:
            rule: one of ``RULES``.
            config: of the rows; None for the folder.
            checked: how many things were looked at.
            bad: what did not hold; as a frame: ``split``, ``key``, ``reason``, ``text``.
            warn: whether it is worth a warning only.
            note: shown where nothing failed.
        """
        if rule not in RULES:
            raise KeyError(rule)
        if isinstance(bad, pl.DataFrame):
            frame = bad.select(
                pl.lit(rule).alias("rule"),
                pl.lit(config, pl.String).alias("config"),
                *(pl.col(c).cast(pl.String) for c in ("split", "key", "reason", "text")),
            )
        else:
            rows = [{"rule": rule, "config": config, **b._asdict()} for b in bad]
            frame = pl.DataFrame(rows, schema=FAILURES_SCHEMA, orient="row")
        if not len(frame):
            self.verdicts.append(Verdict(rule, config, "passed", checked, 0, note))
            return
        common = frame["reason"].value_counts().sort(["count", "reason"], descending=[True, False])
        first = common.row(0)[0]
        more = f" (and {len(common) - 1} other reasons)" if len(common) > 1 else ""
        outcome: Outcome = "warned" if warn else "failed"
        self.verdicts.append(Verdict(rule, config, outcome, checked, len(frame), first + more))
        self.parts.append(frame.select(list(FAILURES_SCHEMA)))

    def skip(self, rule: str, config: str | None, why: str) -> None:
        """Enter that a rule could not run, and why."""
        if rule not in RULES:
            raise KeyError(rule)
        self.verdicts.append(Verdict(rule, config, "skipped", 0, 0, why))

    def keys(self, rule: str, config: str) -> list[str]:
        """Return the keys of the rows that a rule has refused."""
        found = [p for p in self.parts if p["rule"][0] == rule and p["config"][0] == config]
        return pl.concat(found)["key"].drop_nulls().unique(maintain_order=True).to_list() if found else []

    def close(self) -> Report:
        """Return what was found, in the order of ``RULES``."""
        rank = {rule: i for i, rule in enumerate(RULES)}
        verdicts = tuple(sorted(self.verdicts, key=lambda v: rank[v.rule]))
        empty = pl.DataFrame(schema=FAILURES_SCHEMA)
        return Report(verdicts, pl.concat([empty, *self.parts]))


@dataclass(frozen=True)
class Report:
    """The verdicts on a folder or a file, and everything that did not hold (``FAILURES_SCHEMA``)."""

    verdicts: tuple[Verdict, ...]
    failures: pl.DataFrame

    @property
    def passed(self) -> bool:
        """Whether no rule failed; warnings and rules that could not run don't count."""
        return all(v.outcome != "failed" for v in self.verdicts)

    @property
    def failed_rules(self) -> tuple[str, ...]:
        """Names of the rules that failed, each once."""
        return tuple(dict.fromkeys(v.rule for v in self.verdicts if v.outcome == "failed"))

    def to_json(self) -> dict[str, Any]:
        """Return plain values: the verdicts, without the failing rows."""
        counts = {
            o: sum(v.outcome == o for v in self.verdicts) for o in ("passed", "warned", "failed", "skipped")
        }
        return {
            "passed": self.passed,
            "failed_rules": list(self.failed_rules),
            "counts": counts,
            "verdicts": [asdict(v) for v in self.verdicts],
        }


def judge_rows(
    ledger: Ledger,
    rule: str,
    config: str,
    frame: pl.DataFrame,
    checks: Mapping[str, pl.Expr],
    *,
    warn: bool = False,
    text: pl.Expr | None = None,
) -> None:
    """Check every row: each expression has to be true; false and null are failures.

    Args:
        ledger: where the verdict goes.
        rule: one of ``RULES``.
        config: of the rows.
        frame: rows with ``key`` and ``split``.
        checks: reason -> expression that holds in a good row.
        warn: whether it is worth a warning only.
        text: what to show of a failing row.
    """
    names = {f"_{i}": reason for i, reason in enumerate(checks)}
    held = frame.select(
        "split",
        "key",
        (text if text is not None else pl.lit(None, pl.String)).alias("text"),
        *(~expr.fill_null(False).alias(name) for name, expr in zip(names, checks.values(), strict=True)),
    )
    parts = [
        held.filter(pl.col(name)).select("split", "key", "text", pl.lit(reason).alias("reason"))
        for name, reason in names.items()
    ]
    ledger.add(rule, config, len(frame), pl.concat(parts) if parts else (), warn=warn)
