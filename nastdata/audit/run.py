"""The blind audit: can a dataset be solved without its images, and are its splits kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from nastdata.audit import balance_checks as checks
from nastdata.audit.choices import (
    rank_strings,
    read_claims,
    read_mednega,
    read_pairs,
    read_protocols,
    sample_groups,
)
from nastdata.audit.context import add_context, add_recurrence
from nastdata.audit.intervals import FAMILY_Z, bound_accuracy
from nastdata.audit.trials import Trial, run_beside, run_trials
from nastdata.ontology import Ontology
from nastdata.recipe import AuditSettings
from nastdata.seeded import draw_int

if TYPE_CHECKING:
    from nastdata.audit.choices import ChoiceSet, Floats
    from nastdata.audit.folds import Folds

MOST_ITEMS = 8_000
"""Items (sets) of one kind that solvers are tried on; whole groups, drawn by hash."""
HELD_OUT = "validation and test"
"""Part of claim sets on which other rows are looked at, where train asks again about a finding."""
ASKED_AGAIN = "train asks again"
"""Key beside the promises: the recipe lets training sets ask again about a finding (``claims.once``)."""
CLAIM_MARGIN = 0.02
"""How far above chance a blind solver may get on claim sets of one negation type."""
TEXT_COLUMNS = {
    "mednega": "negated_choices",
    "contextual_claims": "claims",
    "contextual_captions": "caption",
    "probes": "correct",
    "opposition": "prompt",
    "protocols": "choices",
}


@dataclass(frozen=True)
class SolverResult:
    """How one solver did on the held-out items of one subset."""

    name: str
    config: str
    subset: str
    """``all``, a negation type, or a kind of set."""
    reads: str
    """What it reads: negated, affirmative, claim (texts), labels, facts, position, all."""
    accuracy: float
    low: float
    high: float
    """95 % interval, clustered by group or patient, whichever is wider."""
    chance: float
    n: int
    above_chance: bool
    """Whether the excess over chance is more than luck explains."""


@dataclass(frozen=True)
class AuditReport:
    """What the audit found; ``to_json`` goes into the manifest."""

    solvers: tuple[SolverResult, ...]
    balance: dict[str, Any]
    leakage: dict[str, Any]
    verdict: dict[str, Any]
    method: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, floats rounded to four decimals."""
        rounded: dict[str, Any] = _round(asdict(self))
        return rounded

    def summary(self) -> str:
        """Return the worst figure of each config in one line."""
        parts = []
        for config in dict.fromkeys(s.config for s in self.solvers):
            worst = max(
                (s for s in self.solvers if s.config == config), key=lambda s: (s.accuracy - s.chance, s.name)
            )
            parts.append(
                f"{config}: best blind solver {worst.accuracy:.1%} ({worst.name}, {worst.subset}; "
                f"chance {worst.chance:.1%})"
            )
        state = "passed" if self.verdict["passed"] else "FAILED"
        return "; ".join([*parts, state])


def audit_frames(
    frames: dict[str, pl.DataFrame],
    settings: AuditSettings,
    seed: int,
    ontology: Ontology,
    *,
    promises: Mapping[str, bool] | None = None,
) -> AuditReport:
    """Try to solve a dataset from its text alone, and check its balance and splits (``docs/audit.md``).

    Args:
        frames: config -> rows with the config's columns and ``split``; configs without a blind test are
            checked for what crosses the splits only.
        settings: seeds, folds, threshold.
        seed: of the hashed draws.
        ontology: whose conditions the rows name.
        promises: config -> whether it promises to be blind-proof (``find_promises`` of its recipe). Of
        configs
            that are not named, the rows say it, as far as they can.
    """
    solvers: list[SolverResult] = []
    balance: dict[str, Any] = {}
    leakage: dict[str, Any] = {}
    method: dict[str, Any] = {"seeds": settings.seeds, "folds": settings.folds, "sampled": {}}
    frames = {name: frame for name, frame in frames.items() if len(frame) and name in TEXT_COLUMNS}
    for name, frame in frames.items():
        balance[name] = checks.check_duplicates(_join_texts(name, frame), TEXT_COLUMNS[name])
        leakage[name] = checks.check_crossing(frame, TEXT_COLUMNS[name])
    for config in (c for c in _READ if c in frames):
        frame = add_context(frames[config], config)
        by = _PARTED_BY.get(config)
        kinds = [("all", pl.lit(True))] if by is None else _list_kinds(frame, by)
        asked_again = config == "contextual_claims" and bool((promises or {}).get(ASKED_AGAIN))
        if asked_again:
            kinds.append((HELD_OUT, pl.col("split") != "train"))
        parts: dict[str, pl.DataFrame] = {}
        sampled: dict[str, dict[str, int]] = {}
        for kind, of_kind in kinds:  # memory holds the rows of one kind beside the whole
            rows = frame.filter(of_kind)
            if len(rows):
                parts[kind] = sample_groups(rows, MOST_ITEMS, seed)
                sampled[kind] = {"items": len(rows), "tried": len(parts[kind])}
        method["sampled"][config] = sampled if by else sampled["all"]
        if config in _RECURRING:
            parts = {
                kind: part if asked_again and kind != HELD_OUT else add_recurrence(frame, part, config)
                for kind, part in parts.items()
            }
        found, about, choices = _solve(config, parts, settings, seed)
        solvers += found
        method[config] = about if by else about["all"]
        seen = {
            k: {"positions": checks.check_positions(c), "lengths": checks.check_lengths(c)}
            for k, c in choices.items()
        }
        if config == "mednega":
            balance[config] |= {
                **seen["all"],
                **checks.check_labels(choices["all"]),
                **checks.check_planes(frame),
                "statements": checks.check_statements(frame, ontology),
            }
        elif config == "contextual_claims":
            balance[config] |= {**checks.check_families(frame), **seen}
        elif config == "protocols":
            balance[config] |= seen
    if "contextual_captions" in frames:
        balance["contextual_captions"] |= checks.check_captions(
            add_context(frames["contextual_captions"], "contextual_captions"), settings.folds, seed
        )
    verdict = _judge(frames, solvers, balance, leakage, settings, promises or {})
    return AuditReport(tuple(solvers), balance, leakage, verdict, method)


def _solve(
    config: str, parts: dict[str, pl.DataFrame], settings: AuditSettings, seed: int
) -> tuple[list[SolverResult], dict[str, Any], dict[str, ChoiceSet]]:
    """Train and try the solvers on each part; also report all parts together and by kind of set.

    Solvers run beside one another, each on one thread: figures don't depend on the number of cores.
    """
    from nastdata.audit.folds import make_folds
    from nastdata.audit.solvers import SOLVERS, make_claim_solvers

    make = SOLVERS.get(config, make_claim_solvers)
    about: dict[str, Any] = {}
    laid_out: dict[str, ChoiceSet] = {}
    trials: list[Trial] = []
    keys = [draw_int(seed, "audit", i) for i in range(settings.seeds)]

    def lay_out(subset: str) -> list[Trial]:
        choices = _READ[config](parts[subset])
        folds = [make_folds(choices.groups, choices.patients, settings.folds, key) for key in keys]
        clusters = [rank_strings(c)[1] for c in (choices.groups, choices.patients)]
        limit = settings.threshold if config == "mednega" else float(choices.chance.mean()) + CLAIM_MARGIN
        return [Trial(subset, named, choices, folds, clusters, limit) for named in make(choices)]

    for subset, made in zip(parts, run_beside(lay_out, list(parts)), strict=True):
        trials += made
        laid_out[subset], about[subset] = made[0].choices, _describe_folds(made[0].folds)
    results: list[SolverResult] = []
    gathered: dict[str, list[pl.DataFrame]] = {}
    for trial, (credit, tried) in zip(trials, run_trials(trials), strict=True):
        part, choices = parts[trial.subset], trial.choices
        kinds = part.sort("set_id")["set_kind"] if config == "contextual_claims" else pl.lit("all")
        answers = pl.DataFrame(
            {
                "credit": credit,
                "group": choices.groups,
                "patient": choices.patients,
                "chance": choices.chance,
            }
        ).with_columns(kinds.alias("kind"))
        answers = answers.filter(pl.Series(tried))
        results.append(_score(config, trial.subset, trial.named.name, trial.named.view, answers))
        gathered.setdefault(f"{trial.named.name}\0{trial.named.view}", []).append(answers)
    if config in _PARTED_BY:
        results += _score_together(config, gathered, len(parts))
    return results, about, laid_out


def _join_texts(config: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return protocols with their question among their options: Yes and No alone are no text."""
    if config != "protocols":
        return frame
    return frame.with_columns(pl.concat_list(pl.concat_list("question"), "choices").alias("choices"))


_READ = {
    "mednega": read_mednega,
    "contextual_claims": read_claims,
    "protocols": read_protocols,
    "probes": read_pairs,
    "opposition": read_pairs,
}
"""Config -> how its questions are laid out for solvers."""
_PARTED_BY = {"contextual_claims": "negation_type", "protocols": "protocol"}
"""Config -> the column whose kinds are tried apart."""
_RECURRING = ("mednega", "contextual_claims", "protocols")
"""Configs in which a study may have several questions."""


def _list_kinds(frame: pl.DataFrame, by: str) -> list[tuple[str, pl.Expr]]:
    """Return each kind in a column, sorted, and what its rows are told by."""
    return [(str(kind), pl.col(by) == kind) for kind in frame[by].unique().sort()]


def _describe_folds(folds: list[Folds]) -> dict[str, Any]:
    """Return how the items were held out."""
    return {
        "held_out": "whole groups and patients",
        "divided_by": folds[0].held_out_by,
        "folds": len(folds[0].train),
        "components_cut": folds[0].cut,
        "trained_on": sum(f.trained for f in folds) / len(folds),
    }


def _score(config: str, subset: str, name: str, reads: str, answers: pl.DataFrame) -> SolverResult:
    credit: Floats = answers["credit"].to_numpy()
    clusters = [rank_strings(answers[c])[1] for c in ("group", "patient")]
    accuracy, low, high = bound_accuracy(credit, clusters)
    chance = float(answers["chance"].to_numpy().mean())
    surely = bound_accuracy(credit, clusters, FAMILY_Z)[1]
    return SolverResult(
        name, config, subset, reads, accuracy, low, high, chance, len(answers), surely > chance
    )


def _score_together(config: str, gathered: dict[str, list[pl.DataFrame]], parts: int) -> list[SolverResult]:
    """Report the same answers over all negation types, and by kind of set."""
    out = []
    for key, frames in gathered.items():
        name, _, view = key.partition("\0")
        answers = pl.concat(frames)
        if parts > 1:
            out.append(_score(config, "all", name, view, answers))
        kinds = answers.partition_by("kind", as_dict=True)
        for (kind,), part in sorted(kinds.items()) if len(kinds) > 1 else ():
            out.append(_score(config, str(kind), name, view, part))
    return out


def _judge(
    frames: dict[str, pl.DataFrame],
    solvers: list[SolverResult],
    balance: dict[str, Any],
    leakage: dict[str, Any],
    settings: AuditSettings,
    promises: Mapping[str, bool],
) -> dict[str, Any]:
    """Say what failed, and what is only worth a warning."""
    failures: list[str] = []
    warnings: list[str] = []
    promised = {**_find_promises(frames, balance), **promises}
    leaks: dict[tuple[str, str], list[SolverResult]] = {}
    for s in solvers:
        limit = settings.threshold if s.config == "mednega" else s.chance + CLAIM_MARGIN
        if s.accuracy > limit and s.above_chance:
            leaks.setdefault((s.config, s.subset), []).append(s)
    for (config, subset), found_by in leaks.items():
        best = max(found_by, key=lambda s: s.accuracy)
        limit = settings.threshold if config == "mednega" else best.chance + CLAIM_MARGIN
        others = f", {len(found_by) - 1} more solvers too" if len(found_by) > 1 else ""
        (failures if promised.get(config) else warnings).append(
            f"{config} ({subset}): without the image, '{best.name}' ({best.reads}) gets {best.accuracy:.1%} "
            f"where chance is {best.chance:.1%} and the limit {limit:.1%}{others}"
        )
    for config, found in leakage.items():
        for what in ("patients_in_two_splits", "groups_in_two_splits"):
            if found.get(what):
                failures.append(f"{config}: {found[what]} {what.replace('_', ' ')}")
    mednega = balance.get("mednega", {})
    if promised.get("mednega"):
        for what in ("unequal_planes", "broken_groups"):
            if mednega.get(what):
                failures.append(f"mednega: {mednega[what]} {what.replace('_', ' ')}")
    for config, found in balance.items():
        if found.get("repeated_rows"):
            warnings.append(f"{config}: {found['repeated_rows']} rows repeat another's image and texts")
    captions = balance.get("contextual_captions", {})
    for cell, found in captions.get("cells", {}).items():
        if found["above_base"] and found["accuracy"] > captions["base_rate"] + CLAIM_MARGIN:
            fails = promised.get("contextual_captions") and cell not in checks.WORDING_CELLS
            (failures if fails else warnings).append(
                f"contextual_captions: polarity is guessed from {cell} with {found['accuracy']:.1%} "
                f"(base rate {captions['base_rate']:.1%})"
            )
    return {"passed": not failures, "failures": failures, "warnings": [*failures, *warnings]}


def find_promises(recipe: Mapping[str, Any]) -> dict[str, bool]:
    """Return config -> whether a recipe, as a mapping, promises that it is blind-proof.

    Recipes written before a setting existed promise nothing about it.
    """
    out = {}
    for part, config in (("claims", "contextual_claims"), ("captions", "contextual_captions")):
        settings = recipe.get(part)
        if isinstance(settings, dict) and "balanced" in settings:
            out[config] = bool(settings["balanced"])
        if isinstance(settings, dict) and settings.get("once") == "held_out":
            out[ASKED_AGAIN] = True
    if recipe.get("recipe") in ("probes", "opposition") and "balanced" in recipe:
        out[str(recipe["recipe"])] = bool(recipe["balanced"])
    return out


def _find_promises(frames: dict[str, pl.DataFrame], balance: dict[str, Any]) -> dict[str, bool]:
    """Config -> does it promise to be blind-proof, as its rows say it."""
    out = {}
    if "mednega" in frames:
        out["mednega"] = bool((frames["mednega"]["design"] == "balanced").all())
    if "protocols" in frames:
        out["protocols"] = True  # no design of protocols is meant to be solved blind
    if "contextual_claims" in frames:
        found = balance["contextual_claims"]
        out["contextual_claims"] = 2 * found["sets_in_closed_groups"] >= found["sets"]
    return out


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {str(k): _round(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_round(v) for v in value]
    return value
