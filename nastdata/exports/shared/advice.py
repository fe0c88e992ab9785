"""Why an export holds nothing, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from nastdata.dataset.folder import DatasetFolder
from nastdata.errors import UserError
from nastdata.images.export import NOT_FOUND, ImagePlaces
from nastdata.recipe import get_image_mode


def explain_nothing(
    folder: DatasetFolder, splits: Sequence[str], to: str, needs: str, why: str, *, missing: str
) -> UserError:
    """Return the error for an export that nothing came of.

    Args:
        folder: the dataset.
        splits: that were chosen.
        to: name of the format.
        needs: what the format needs, in words: names of configs, or "any config".
        why: reasons of rows that were left out, or blank.
        missing: what to do about images that were not found, or blank if that is not the reason.
    """
    where = f"{folder.path} ({', '.join(splits)})"
    what = "nothing could be exported" + why
    if missing:
        return UserError(what, where=where, how=missing)
    used = {c: s for c, s in folder.files.items() if c in needs or "any config" in needs}
    elsewhere = {c: list(s) for c, s in used.items() if s and not set(s) & set(splits)}
    if not why and elsewhere and len(elsewhere) == len(used):
        here = ", ".join(splits)
        told = "; ".join(f"{c} has no rows in {here}, only in {', '.join(s)}" for c, s in used.items())
        named = list(dict.fromkeys(s for many in elsewhere.values() for s in many))
        return UserError(f"{what}: {told}", where=where, how="--split " + " --split ".join(named))
    return UserError(what, where=where, how=f"--split all, or another format; {to} needs: {needs}")


def advise_on_images(folder: DatasetFolder, images: ImagePlaces, reasons: set[str]) -> str:
    """Return what to do about images that were not found; blank if none is missing, or all are embedded."""
    manifest = folder.manifest or {}
    if NOT_FOUND not in reasons or get_image_mode(manifest.get("recipe")) == "embed":
        return ""
    sources = [str(s["name"]) for s in manifest.get("sources") or [] if isinstance(s, dict) and "name" in s]
    named = [s for s in sources if not images.store.is_drawn(s)] or ["SOURCE"]
    roots = images.store.finder.roots
    lacking = [s for s in named if s not in roots]
    if lacking:
        return "say where they are: " + " ".join(f"--image-root {s}=FOLDER" for s in lacking)
    given = " ".join(f"--image-root {s}={roots[s]}" for s in named)
    return f"they are not where you said ({given}): give the folder that they are in"
