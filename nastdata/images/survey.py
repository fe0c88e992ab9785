"""What is there of a source's images, before anything long starts: found, missing, unusable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.errors import UserError
from nastdata.images.convert import Converted, ImageFile, check_images
from nastdata.images.prepare import Wanted
from nastdata.images.store import ImageStore

NOWHERE = ("not found", "outside of the root")
CHECKED = 50_000
"""Images of which every header is looked at; of more, only those that are converted later."""
LEAST, SHARE = 2_000, 200
ARCHIVES = (".zip", ".tgz", ".tar", ".tar.gz", ".7z")


@dataclass
class SourceSurvey:
    """The images of one source."""

    source: str
    images: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why images can't be used -> how many."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Format -> images whose header was read and is fine."""
    unusable: list[tuple[Wanted, str, str]] = field(default_factory=list)
    """(image, reason, detail)."""
    checked: bool = True
    """Whether headers were read."""

    @property
    def missing(self) -> int:
        """Images of which there is no file below the root."""
        return sum(self.reasons[r] for r in NOWHERE)

    @property
    def unreadable(self) -> int:
        """Files that can't be used."""
        return sum(self.reasons.values()) - self.missing

    @property
    def usable(self) -> int:
        """Images that there are."""
        return self.images - sum(self.reasons.values())

    @property
    def share(self) -> float:
        """Share of the images that can't be used, those with burnt-in text not counted."""
        return (
            (self.images - self.usable - self.reasons["burnt-in text"]) / self.images if self.images else 0.0
        )


def survey_images(
    wanted: Iterable[Wanted],
    store: ImageStore,
    *,
    engine: Engine = IN_PROCESS,
    keep_burnt_in: bool = False,
    checked: int = CHECKED,
) -> list[SourceSurvey]:
    """Look for images, and at their headers.

    Args:
        wanted: images of any number of sources.
        store: says where they are.
        engine: where headers are read.
        keep_burnt_in: whether images with burnt-in text are wanted, too.
        checked: images of a source up to which all headers are read; of more, none is.
    """
    by_source: dict[str, dict[str, Wanted]] = {}
    for w in wanted:
        by_source.setdefault(w.source, {})[w.image] = w
    check = partial(check_images, keep_burnt_in=keep_burnt_in)
    out = []
    for source, images in by_source.items():
        survey = SourceSurvey(source, len(images), checked=len(images) <= checked)
        files = [store.locate(source, image) for image in images]
        results: Iterable[Converted] = (
            engine.stream(check, files, least=LEAST, share=SHARE)
            if survey.checked
            else map(_locate_only, files)
        )
        for w, result in zip(images.values(), results, strict=True):
            if result.reason:
                survey.reasons[result.reason] += 1
                survey.unusable.append((w, result.reason, result.detail))
            elif result.kind:
                survey.kinds[result.kind] += 1
        out.append(survey)
    return out


def draw_table(surveys: Sequence[SourceSurvey]) -> list[str]:
    """Return the table of a survey, a line each, with the reasons below it."""
    head = ("images of", "named", "usable", "missing", "unusable", "files")
    rows = [
        (
            *(s.source, f"{s.images:,}", f"{s.usable:,}", f"{s.missing:,}", f"{s.unreadable:,}"),
            ", ".join(f"{kind} {n:,}" for kind, n in s.kinds.most_common())
            if s.checked
            else "headers not read yet",
        )
        for s in surveys
    ]
    widths = [max(len(r[i]) for r in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(
            c.ljust(w) if i in (0, 5) else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))
        )
        for r in (head, *rows)
    ]
    for s in surveys:
        for reason, n in s.reasons.most_common():
            first = next((w, detail) for w, why, detail in s.unusable if why == reason)
            detail = f" ({first[1]})" if first[1] else ""
            lines.append(f"  {s.source}: {n:,} {reason}, e.g. {first[0].image}{detail}")
    return [line.rstrip() for line in lines]


def check_share(surveys: Sequence[SourceSurvey], store: ImageStore, most: float) -> None:
    """Stop where too many images of a source can't be used.

    Raises:
        UserError: naming the source, its root and what to do.
    """
    for s in surveys:
        if s.images and (s.share > most or s.usable == 0):
            root = store.finder.roots.get(s.source)
            what = f"images of {s.source}: {s.usable:,} of {s.images:,} usable"
            reasons = ", ".join(f"{r} {n:,}" for r, n in s.reasons.most_common(3))
            raise UserError(f"{what} ({reasons})", where=str(root), how=_advise(s, root, most))


def _advise(survey: SourceSurvey, root: Path | None, most: float) -> str:
    if root is not None and not any(root.iterdir()):
        return "the folder is empty: give the one with the images as image_root"
    if "needs an extra" in survey.reasons:
        return "pip install 'nastdata[dicom]'"
    archives = sorted(p.name for p in root.iterdir() if p.name.lower().endswith(ARCHIVES)) if root else []
    if survey.missing > survey.unreadable and archives:
        return f"unpack the archives there first ({', '.join(archives[:3])})"
    allow = f"or allow for it with --set images.max_missing={min(1.0, round(survey.share + 0.005, 2))}"
    if survey.usable == 0:
        allow = f"looked for, for instance: {survey.unusable[0][0].image}"
    if survey.missing > survey.unreadable:
        return f"give the folder with the images as image_root, or --set images.template=...; {allow}"
    return f"see `nastdata images {root}`; {allow} (more than {most:.0%} stop a build)"


def _locate_only(file: ImageFile) -> Converted:
    return Converted(None, reason=file.reason)
