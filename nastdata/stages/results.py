"""What stages hand to one another, taken apart for keeping and put together again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nastdata.assemble.options import Assembled
from nastdata.design.base import Design
from nastdata.sources.base import InputFile, Loaded
from nastdata.stages.entries import Kept
from nastdata.stages.inputs import describe_paths, hash_listing, is_same_content


def pack_loaded(loaded: Loaded) -> Kept:
    """Take apart what a source yields; its files are noted, to be looked at again."""
    frames = {"frame": loaded.frame, "rejects": loaded.rejects}
    if loaded.sentences is not None:
        frames["sentences"] = loaded.sentences
    files = [[str(f.path), f.sha256, f.rows] for f in loaded.files]
    return Kept(
        frames,
        {
            "files": files,
            "listing": hash_listing(describe_paths(f.path for f in loaded.files)),
            "rows_in": loaded.rows_in,
            "rows_out": loaded.rows_out,
            "left_out": loaded.left_out,
            "report": loaded.report,
            "warnings": list(loaded.warnings),
            "notes": list(loaded.notes),
        },
    )


def unpack_loaded(kept: Kept) -> Loaded:
    """Put together what ``pack_loaded`` took apart."""
    data: dict[str, Any] = kept.data
    return Loaded(
        frame=kept.frames["frame"],
        rejects=kept.frames["rejects"],
        files=tuple(InputFile(Path(path), sha256, rows) for path, sha256, rows in data["files"]),
        rows_in=data["rows_in"],
        rows_out=data["rows_out"],
        left_out=data["left_out"],
        report=data["report"],
        warnings=tuple(data["warnings"]),
        notes=tuple(data["notes"]),
        sentences=kept.frames.get("sentences"),
    )


def is_current(kept: Kept) -> bool:
    """Whether the files that a kept source has read are still what they were."""
    files = [(Path(path), sha256) for path, sha256, _ in kept.data["files"]]
    listing = hash_listing(describe_paths(path for path, _ in files))
    return bool(listing == kept.data["listing"]) and all(is_same_content(*f) for f in files)


def pack_design(design: Design) -> Kept:
    """Take apart a design."""
    return Kept({"frame": design.frame, "rejects": design.rejects}, design.report)


def unpack_design(kept: Kept) -> Design:
    """Put together what ``pack_design`` took apart."""
    return Design(kept.frames["frame"], kept.frames["rejects"], kept.data)


def pack_words(part: Assembled, design_report: dict[str, Any]) -> Kept:
    """Take apart worded rows, with the report of the design that they come from."""
    return Kept(
        {"frame": part.frame, "rejects": part.rejects}, {"text": part.report, "design": design_report}
    )


def unpack_words(kept: Kept) -> tuple[Assembled, dict[str, Any]]:
    """Put together what ``pack_words`` took apart."""
    part = Assembled(kept.frames["frame"], kept.frames["rejects"], kept.data["text"])
    return part, kept.data["design"]
