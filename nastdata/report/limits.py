"""What a reader must know before trusting a dataset: limits, biases, personal data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SYNTHETIC = "phantom"
"""The source that is drawn by the package."""


def list_limits(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the limits that follow from ontology, sources and images, a sentence each."""
    out = []
    review = (manifest.get("ontology") or {}).get("review")
    if review:
        who = ", ".join(review.get("reviewed_by") or ()) or "nobody"
        out.append(f"Ontology: {review['status']} (reviewed by: {who}).")
        out += [_tell_sign_off(s, manifest["ontology"].get("content")) for s in review.get("sign_offs") or ()]
        out += [f"Ontology: {note}." for note in review.get("notes") or ()]
    for s in manifest.get("sources") or []:
        if s.get("one_report_one_patient"):
            out.append(
                f"{s['title']}: reports of one patient can't be linked, so one report counts as one patient, "
                "and splits by patient are splits by report."
            )
        note = s["terms"].get("note")
        if note:
            out.append(f"{s['title']}: {str(note).rstrip('.')}.")
    images = manifest.get("images")
    if images and images["missing"]:
        out.append(f"{images['missing']:,} images were not found and are null.")
    real = [s for s in manifest.get("sources") or [] if s["name"] != SYNTHETIC]
    if real:
        out.append("Labels come from the sources and carry their errors; no image was read again.")
    return tuple(out)


def _tell_sign_off(s: Mapping[str, Any], content: str | None) -> str:
    """Return one sign-off of the ontology in a sentence."""
    told = (
        f"Ontology: signed by {s['name']}, {s['role']}, {s['date']}: {s['scope']}; {s['accepted']:,} "
        f"accepted, {s['rejected']:,} rejected, {s['unsure']:,} undecided, {s['open']:,} in dispute, "
        f"{s['unread']:,} not read"
    )
    return told + ("." if s["content"] == content else "; for an EARLIER version of the file.")


def list_biases(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return known biases, a sentence each."""
    out = ["English only, in the style of radiology reports; wordings come from sentence plans."]
    if (manifest.get("recipe") or {}).get("design") == "paper":
        out.append(
            "The paper's design can be solved to a large part without the image: the truth is the centre of "
            "its own alterations, and conditions differ in prevalence. See the blind accuracies."
        )
    elif "mednega" in manifest["rows"]:
        out.append("Conditions are not as frequent as in the sources: every option is true equally often.")
    return tuple(out)


def list_private(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is personal or sensitive, a sentence each."""
    sources = manifest.get("sources") or []
    if sources and all(s["name"] == SYNTHETIC for s in sources):
        return ("None: all patients are drawn by a program.",)
    return (
        "Health information of patients, de-identified by the sources: findings, and the sources' own "
        "patient, study and image identifiers. Identifiers are as the sources published them; "
        "report text is not included.",
    )
