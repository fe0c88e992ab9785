"""What card, Croissant and report say of a review, from the manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_REVIEWED = "Not reviewed: nobody has signed that a sample of its rows was looked at."


def is_reviewed(manifest: Mapping[str, Any]) -> bool:
    """Whether somebody signed a review of these rows."""
    review = manifest.get("review")
    return (
        isinstance(review, Mapping) and bool(review.get("sign_offs")) and review.get("status") == "reviewed"
    )


def list_review(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is to be said of the review, a line each; an unreviewed dataset is said to be so."""
    review = manifest.get("review")
    if not isinstance(review, Mapping) or "figures" not in review:
        return (NOT_REVIEWED,)
    lines = [] if is_reviewed(manifest) else [NOT_REVIEWED]
    applied = review.get("applied")
    if applied:
        removed = sum(n for reasons in applied["removed"].values() for n in reasons.values())
        texts = applied["reworded"]
        lines.append(
            f"Changed after a review of '{applied['of']['name']}': {removed:,} "
            f"{'row was' if removed == 1 else 'rows were'} left out (rejected items, their groups and "
            f"counterparts), {texts:,} {'text was' if texts == 1 else 'texts were'} reworded by reviewers."
        )
        if review["status"] == "applied":
            lines.append("The figures below are of the dataset before that change.")
    for s in review.get("sign_offs") or ():
        lines.append(f"Signed by {s['name']}, {s['role']}, {s['date']}: {s['scope']}.")
    return (*lines, *_list_figures(review["figures"]))


def _list_figures(figures: Mapping[str, Any]) -> list[str]:
    items = figures["items"]
    lines = [
        f"{items['sampled']:,} items sampled: {items['accepted']:,} accepted, "
        f"{items['rejected']:,} rejected, "
        f"{items['unsure']:,} undecided (can't tell), {items['open']:,} in dispute, "
        f"{items['unread']:,} not read; "
        f"{items['read_by_two_or_more']:,} read by two or more, {items['adjudicated']:,} adjudicated."
    ]
    lines += [
        f"Accepted, {e['name']}: {_share(e)} of {e['n']:,} items." for e in figures["acceptance"]["config"]
    ]
    for found in figures["agreement"].values():
        named = [(f"Cohen's kappa {_value(c)}") for c in found["cohen"]]
        named += [
            f"Fleiss' kappa {_value(found['fleiss'])}",
            f"Krippendorff's alpha {_value(found['krippendorff'])}",
        ]
        lines.append(
            f"Agreement on '{found['about']}': the same answer in {100 * found['agreement']:.1f} % of pairs; "
            + "; ".join(named)
            + "."
        )
    return lines


def _share(entry: Mapping[str, Any]) -> str:
    share, low, high = (100 * entry[k] for k in ("share", "low", "high"))
    return f"{share:.1f} % (95 % interval {low:.1f} to {high:.1f} %)"


def _value(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return str(entry["note"])
    return f"{entry['value']:.2f} ({entry['low']:.2f} to {entry['high']:.2f})"
