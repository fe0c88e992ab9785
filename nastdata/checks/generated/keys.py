"""Which column joins captions with what is on record, and how its values are written on either side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nastdata.checks.generated import columns as names
from nastdata.checks.generated.columns import squash
from nastdata.errors import UserError

_IMAGE_END = re.compile(r"\.(jpe?g|png|dcm|dicom|tiff?|nii|gz|bmp|txt|xml)$", re.IGNORECASE)
_STUDY = re.compile(r"(patient\d+/study\d+)|(?:^|[/\\])s(\d{6,})(?=$|[/\\.])", re.IGNORECASE)
_PREFIXED = re.compile(r"^(?:study|image|img|patient|subject|case|id|s|p)?[-_ ]?0*(\d+)$", re.IGNORECASE)
_PATIENT = re.compile(r"(patient\d+)|(?:^|[/\\])p(\d{6,})(?=[/\\])", re.IGNORECASE)


def plain(value: Any) -> str | None:
    """Return a key as text, None if it is blank: "123.0" and 123 are one key."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = str(value).strip()
    if text.lower() in ("", "nan", "none", "null"):
        return None
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text


def _name_file(value: str) -> str:
    return _IMAGE_END.sub("", re.split(r"[/\\]", value.rstrip("/\\"))[-1]).lower()


def _whole_path(value: str) -> str:
    return _IMAGE_END.sub("", value.replace("\\", "/")).lower().removeprefix("./")


def _name_study(value: str) -> str:
    found = _STUDY.search(value.replace("\\", "/"))
    return (found[1] or found[2]).lower() if found else value.lower()


def _take_digits(value: str) -> str:
    found = _PREFIXED.match(value)
    return found[1] if found else value.lower()


WAYS: tuple[tuple[str, Callable[[str], str], bool], ...] = (
    ("as they are", str, False),
    ("without case and file ending", _whole_path, False),
    ("by file name", _name_file, False),
    ("by the digits of the id", _take_digits, False),
    ("by the study in the path", _name_study, True),
)
"""How keys may be compared: name, function, and whether several keys of one side may become one."""

ENOUGH = 0.5
"""Share of the captions that a pair of columns has to join to be taken before the next pair."""


@dataclass(frozen=True)
class Join:
    """How two tables are joined."""

    left: str
    right: str
    way: str
    norm: Callable[[str], str]
    matched: int
    """Distinct keys of the left side that the right side has."""


def list_keys(columns: Iterable[str]) -> list[tuple[str, str]]:
    """Return (column, kind of key) of the columns that are keys by their names, finer kinds first."""
    columns = list(columns)
    return [(c, kind) for kind, known in names.KEYS.items() for n in known for c in columns if squash(c) == n]


def find_join(
    left: Mapping[str, Sequence[str | None]],
    right: Mapping[str, Sequence[str | None]],
    given: str | None,
    given_right: str | None,
    where: tuple[str, str],
) -> Join:
    """Find the pair of columns that joins the most captions.

    Args:
        left: columns of the captions that may be keys -> values.
        right: the same of what is on record.
        given: the captions' column that the user named.
        given_right: the reference's; by default the one of the same name, or the best.
        where: both files, for messages.

    Raises:
        UserError: if nothing joins; with examples from both sides.
    """
    pairs = _list_pairs(left, right, given, given_right)
    if not pairs:
        have = [f"{w}: {', '.join(side) or 'none'}" for w, side in zip(where, (left, right), strict=True)]
        raise UserError(
            f"no columns to join by ({'; '.join(have)})",
            where=where[0],
            how="--id-key COLUMN and --against-id-key COLUMN, or --by-row if both have the same rows",
        )
    best: tuple[float, int, float, Join] | None = None
    for rank, (a, b) in enumerate(pairs):
        mine = {v for v in left[a] if v is not None}
        theirs = {v for v in right[b] if v is not None}
        for way, norm, many in WAYS:
            x, y = {norm(v) for v in mine}, {norm(v) for v in theirs}
            if not many and (len(x) < len(mine) or len(y) < len(theirs)):
                continue
            matched = len(x & y)
            share = matched / max(len(x), 1)
            # A pair that joins most captions is taken in the order of the list: same names, finer keys first.
            score = 1.0 if share >= ENOUGH else share
            if matched and (best is None or (score, -rank, share) > best[:3]):
                best = (score, -rank, share, Join(a, b, way, norm, matched))
            if matched == len(x):
                break
    if best is None:
        shown = "; ".join(
            f"{w}: {c} = {', '.join(_some(side[c]))}"
            for w, side, c in ((where[0], left, pairs[0][0]), (where[1], right, pairs[0][1]))
        )
        raise UserError(
            f"no caption has a key that is on record ({shown})",
            where=where[0],
            how="--id-key COLUMN and --against-id-key COLUMN say which columns hold the same keys",
        )
    return best[3]


def _list_pairs(
    left: Mapping[str, Any], right: Mapping[str, Any], given: str | None, given_right: str | None
) -> list[tuple[str, str]]:
    if given and given_right:
        return [(given, given_right)]
    ours = [(given, "any")] if given else list_keys(left)
    theirs = [(given_right, "any")] if given_right else list_keys(right)
    if given and not given_right and (same := next((c for c in right if squash(c) == squash(given)), None)):
        return [(given, same)]
    same_name = [(a, b) for a, _ in ours for b, _ in theirs if squash(a) == squash(b)]
    same_kind = [(a, b) for a, k in ours for b, m in theirs if k == m]
    loose = [(a, b) for a, k in ours for b, m in theirs if "any" in (k, m) or {k, m} == {"image", "study"}]
    return list(dict.fromkeys([*same_name, *same_kind, *loose]))


def _some(values: Sequence[str | None]) -> list[str]:
    shown = [v for v in dict.fromkeys(values) if v is not None][:3]
    return [repr(v[:40]) for v in shown] or ["(blank)"]


def find_patient(columns: Iterable[str]) -> str | None:
    """Return the column that names patients, or None."""
    return names.pick(list(columns), names.PATIENT)


def patient_of_path(value: str | None) -> str | None:
    """Return the patient that a path of CheXpert or MIMIC-CXR names, or None."""
    found = _PATIENT.search((value or "").replace("\\", "/"))
    return (found[1] or found[2]).lower() if found else None
