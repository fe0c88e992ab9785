"""What stages hand to one another, taken apart for keeping and put together again."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.assemble.options import Assembled
from nastdata.design.base import Design
from nastdata.sources.base import InputFile, Loaded
from nastdata.stages.entries import Kept
from nastdata.stages.inputs import describe_paths, hash_listing, is_same_content


def pack_loaded(loaded: Loaded) -> Kept:
    """Take apart what a source yields; its files are noted, to be looked at again."""
    frames, data = {}, {}
    for field in fields(loaded):
        value = getattr(loaded, field.name)
        if isinstance(value, pl.DataFrame):
            frames[field.name] = value
        elif field.name != "files" and value is not None:
            data[field.name] = value
    files = [[str(f.path), f.sha256, f.rows] for f in loaded.files]
    listing = hash_listing(describe_paths(f.path for f in loaded.files))
    return Kept(frames, {"files": files, "listing": listing, "values": data})


def unpack_loaded(kept: Kept) -> Loaded:
    """Put together what ``pack_loaded`` took apart; tuples come back as tuples."""
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in kept.data["values"].items()}
    files = tuple(InputFile(Path(path), sha256, rows) for path, sha256, rows in kept.data["files"])
    made: Any = {**kept.frames, **values, "files": files}
    return Loaded(**made)


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
