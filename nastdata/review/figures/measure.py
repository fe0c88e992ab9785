"""What a review found, in numbers: acceptance by stratum, agreement, rejected items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nastdata.review.extras import need
from nastdata.review.figures.agreement import DRAWS, measure_agreement
from nastdata.review.outcomes import Outcome, find_disagreements, settle_items
from nastdata.review.store import Answer, ReviewStore

STATUSES = ("accepted", "rejected", "unsure", "open", "unread")
DIMENSIONS = ("condition", "polarity", "kind", "writer")


def measure_review(store: ReviewStore, *, draws: int = DRAWS) -> dict[str, Any]:
    """Return a review's figures: ``items``, ``acceptance``, ``agreement``, ``rejected``, plain values all."""
    items, answers, roles = store.read_items(), store.read_answers(), store.read_reviewers()
    outcomes = settle_items(items, answers, roles)
    readers = [name for name, role in roles.items() if role == "reviewer"]
    return {
        "items": count_items(outcomes, answers, roles, find_disagreements(items, answers, roles)),
        "acceptance": measure_acceptance(outcomes, store.about["strata"]),
        "agreement": measure_agreement(items, answers, readers, draws=draws),
        "rejected": list_rejected(outcomes),
    }


def count_items(
    outcomes: Sequence[Outcome],
    answers: Sequence[Answer],
    roles: Mapping[str, str],
    disputed: Sequence[int],
) -> dict[str, Any]:
    """Return how many items came out how, and how many each person answered."""
    counts = {s: sum(o.status == s for o in outcomes) for s in STATUSES}
    given = {name: sum(a.reviewer == name for a in answers) for name in roles}
    return {
        "sampled": len(outcomes),
        **counts,
        "read_by_two_or_more": sum(o.readers >= 2 for o in outcomes),
        "disagreements": len(disputed),
        "adjudicated": sum(o.adjudicated for o in outcomes),
        "answers": given,
    }


def measure_acceptance(
    outcomes: Sequence[Outcome], strata: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return acceptance by config and within it by condition, polarity, kind, writer, and stratum.

    Items that nobody read, or on which readers disagree without a decision, are not counted in ``n``; an
    item of which somebody can't tell is counted, and not as accepted. ``share`` weighs each item by the rows
    of its stratum that it stands for; the interval is Wilson's, with the effective number of items (Kish).
    """
    weights = _weigh(outcomes, strata)
    done = [o for o in outcomes if o.status in ("accepted", "rejected", "unsure")]
    out: dict[str, list[dict[str, Any]]] = {"config": _group(done, weights, lambda o: (o.item.config,))}
    for name in DIMENSIONS:
        out[name] = _group(done, weights, lambda o, n=name: (o.item.config, getattr(o.item, n)))  # type: ignore[misc]
    out["stratum"] = _group(done, weights, lambda o: o.item.stratum)
    return out


def _weigh(outcomes: Sequence[Outcome], strata: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Return item -> rows of the dataset that it stands for."""
    rows = {(s["config"], *(s[d] for d in DIMENSIONS)): s["rows"] for s in strata}
    done: dict[tuple[str, ...], int] = {}
    for o in outcomes:
        if o.status in ("accepted", "rejected", "unsure"):
            done[o.item.stratum] = done.get(o.item.stratum, 0) + 1
    return {o.item.n: rows[o.item.stratum] / done[o.item.stratum] for o in outcomes if o.item.stratum in done}


def _group(
    outcomes: Iterable[Outcome], weights: Mapping[int, float], name: Callable[[Outcome], tuple[str, ...]]
) -> list[dict[str, Any]]:
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for o in outcomes:
        groups.setdefault(name(o), []).append(o)
    proportion = need("statsmodels.stats.proportion")
    out = []
    for names, members in sorted(groups.items()):
        w = [weights[o.item.n] for o in members]
        share = sum(x for x, o in zip(w, members, strict=True) if o.status == "accepted") / sum(w)
        effective = sum(w) ** 2 / sum(x * x for x in w)
        low, high = proportion.proportion_confint(share * effective, effective, method="wilson")
        counts = {s: sum(o.status == s for o in members) for s in STATUSES[:3]}
        out.append(
            {
                "name": ", ".join(names),
                "n": len(members),
                **counts,
                "share": float(share),
                "low": float(low),
                "high": float(high),
            }
        )
    return out


def list_rejected(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the rejected items with reasons, comments and proposed texts."""
    return [
        {
            "item": o.item.n,
            "config": o.item.config,
            "key": o.item.key,
            "reasons": list(o.reasons),
            "comments": list(o.comments),
            "corrections": o.corrections,
        }
        for o in outcomes
        if o.status == "rejected"
    ]
