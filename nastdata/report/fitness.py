"""Is a dataset fit for its purpose: two lines at the end of a build, and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt
from typing import Any, NamedTuple


class Purpose(NamedTuple):
    """What the rows of a config are for."""

    job: str
    """After "fit to"."""
    unit: str
    """What a row is called, in the plural."""
    tests: bool
    """Whether a model's accuracy is measured on the test split."""


PURPOSES = {
    "mednega": Purpose("test a model", "questions", True),
    "protocols": Purpose("test a model", "questions", True),
    "contextual_claims": Purpose("train and test a model", "claim sets", True),
    "contextual_captions": Purpose("train and test a model", "captions", True),
    "probes": Purpose("trace a model", "pairs", False),
    "opposition": Purpose("train a model", "quadruplets", False),
}
"""Config -> its purpose."""
LEAST_TEST = 100
"""Test rows below which an accuracy says little: its 95 % interval is wider than 10 points either way."""
LEAST_OTHER = 50
"""Rows of a config without a test below which nothing comes of it."""


def summarise(manifest: Mapping[str, Any], rows: Mapping[str, Mapping[str, int]]) -> tuple[str, str]:
    """Return two lines: whether a dataset is fit for its purpose, and what limits it or what to do.

    Args:
        manifest: of the folder; empty for one made by others.
        rows: config -> split -> number of rows.
    """
    known = [c for c in rows if c in PURPOSES]
    jobs = " and ".join(dict.fromkeys(PURPOSES[c].job for c in known)) or "be used"
    problems = [*list_problems(manifest), *_list_small(manifest, rows)]
    limits = _list_limits(manifest)
    if problems:
        return f"not fit to {jobs}: {problems[0]}", _say_rest(problems[1:], limits)
    return f"fit to {jobs}: " + _say_proof(manifest, rows), _say_rest([], limits)


def list_problems(manifest: Mapping[str, Any]) -> list[str]:
    """Return the checks of a build that failed, in words."""
    verdict = (manifest.get("audit") or {}).get("verdict", {})
    failures = [] if verdict.get("passed", True) else list(verdict["failures"])
    return [*([said] if (said := tell_fallback(manifest)) else []), *failures]


def tell_fallback(manifest: Mapping[str, Any]) -> str | None:
    """Say that a language model failed to word more than the recipe allows; None if it did not."""
    fallback = (manifest.get("ledger") or {}).get("fallback")
    if not fallback or fallback["share"] <= fallback["most"]:
        return None
    writer = manifest["recipe"]["writer"]
    instead = "the template wrote them" if writer["on_failure"] == "template" else "they were left out"
    example = " ".join((fallback["example"] or "").split())
    said = f"'{example[:160]}'" if example else "nothing"
    return (
        f"the model did not word {fallback['share']:.1%} of the statements (at most {fallback['most']:.0%}): "
        f"{instead}; commonest reason: {fallback['commonest_reason']}, for example the answer {said}"
    )


def _list_small(manifest: Mapping[str, Any], rows: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return what is too small to be of use."""
    out = [f"{config} is empty" for config in manifest.get("empty_configs") or {}]
    for config, splits in rows.items():
        if (purpose := PURPOSES.get(config)) is None:
            continue
        n = splits.get("test", 0) if purpose.tests else sum(splits.values())
        least = LEAST_TEST if purpose.tests else LEAST_OTHER
        if n < least:
            where = "the test split has" if purpose.tests else f"{config} has"
            wide = f"; an accuracy is known to {_say_width(n)} only" if purpose.tests and n else ""
            out.append(f"{where} {_count(n, purpose.unit)} (at least {least} are needed){wide}")
    return out


def _say_proof(manifest: Mapping[str, Any], rows: Mapping[str, Mapping[str, int]]) -> str:
    parts = []
    audit = manifest.get("audit")
    if audit and audit.get("solvers"):
        worst = max(audit["solvers"], key=lambda s: s["accuracy"] - s["chance"])
        surprise = "at chance" if not worst.get("above_chance") else "below the limit"
        parts.append(
            f"solvers without images are {surprise} "
            f"(best {worst['accuracy']:.1%}, chance {worst['chance']:.1%})"
        )
    for config, splits in rows.items():
        purpose = PURPOSES.get(config)
        if purpose and purpose.tests:
            n = splits.get("test", 0)
            parts.append(f"{_count(n, purpose.unit)} in the test split give an accuracy to {_say_width(n)}")
        elif purpose:
            parts.append(_count(sum(splits.values()), purpose.unit))
    return "; ".join(parts)


def _list_limits(manifest: Mapping[str, Any]) -> list[str]:
    """Return what a user of a good dataset has to know."""
    names = [s.get("name") for s in manifest.get("sources") or [] if isinstance(s, Mapping)]
    out = []
    if "phantom" in names:
        out.append("its patients are made up: try the tool with it, measure models on a real corpus")
    if not manifest:
        out.append("no manifest.json: how it was made is not known")
    elif not manifest.get("audit"):
        out.append("the blind audit was off: run `nastdata audit` on it")
    warnings = ((manifest.get("audit") or {}).get("verdict") or {}).get("warnings") or []
    extra = [w for w in warnings if w not in list_problems(manifest)]
    if extra:
        out.append(f"{_count(len(extra), 'warnings')} of the audit: {extra[0]}")
    return out


def _say_rest(problems: list[str], limits: list[str]) -> str:
    return "limits: " + ("; ".join([*problems, *limits]) or "the build found none")


def _say_width(n: int) -> str:
    """Half of a 95 % interval around 50 %, in points."""
    return f"about {ceil(98 / sqrt(n))} points" if n else "nothing"


def _count(n: int, plural: str) -> str:
    """``1 question``, ``2 questions``."""
    return f"{n:,} {plural if n != 1 else plural.removesuffix('s')}"
