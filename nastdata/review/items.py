"""What a reviewer sees of one row: texts, claimed facts, pictures; the same for every config."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nastdata.images.find import IMAGE_COLUMNS
from nastdata.records import COLUMN_ORDER, LETTERS

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One option, claim or caption; a MedNega option has two wordings."""

    label: str
    right: bool
    texts: dict[str, str]
    """Slot -> text. Slots of a pair end with ``.negated`` and ``.affirmative``."""
    facts: str = ""

    @property
    def paired(self) -> bool:
        """Whether two wordings stand side by side."""
        return len(self.texts) == 2


@dataclass(frozen=True)
class Place:
    """Where a row is in the folder's files."""

    split: str
    file: str
    row: int


@dataclass(frozen=True)
class Item:
    """One sampled row as shown, with what ties it to its dataset."""

    n: int
    """Number in the sample, from 1; all that a browser ever names it by."""
    config: str
    key: str
    condition: str
    polarity: str
    kind: str
    writer: str
    questions: tuple[str, ...]
    digest: str
    """sha256 of the row without embedded images."""
    title: str
    stem: str
    lines: tuple[Line, ...]
    pictures: tuple[tuple[str, str], ...] = ()
    """(column, id of the image); empty where there is none to be shown."""
    no_picture: str = ""
    """Why there is none."""
    place: Place | None = None
    source: str = ""
    study: str = ""
    sentences: tuple[str, ...] = ()
    """Sentences of the study's report, where the build kept some."""
    notes: tuple[str, ...] = ()

    @property
    def stratum(self) -> tuple[str, str, str, str, str]:
        """Config, condition, polarity, kind, writer."""
        return self.config, self.condition, self.polarity, self.kind, self.writer

    @property
    def slots(self) -> dict[str, str]:
        """Slot -> text of all lines."""
        return {slot: text for line in self.lines for slot, text in line.texts.items()}

    def dump(self) -> str:
        """Return the item as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def load_item(text: str) -> Item:
    """Read what ``Item.dump`` wrote."""
    data = json.loads(text)
    data["lines"] = tuple(Line(**line) for line in data["lines"])
    data["place"] = Place(**data["place"]) if data["place"] else None
    data["pictures"] = tuple((c, i) for c, i in data["pictures"])
    for name in ("questions", "sentences", "notes"):
        data[name] = tuple(data[name])
    return Item(**data)


@dataclass
class Shown:
    """What ``SHOW`` makes of a row."""

    title: str
    stem: str
    lines: list[Line] = field(default_factory=list)


def show_row(config: str, row: Row) -> Shown:
    """Return what a reviewer sees of a row.

    Raises:
        KeyError: if the row is malformed (as are IndexError, TypeError and ValueError).
    """
    return SHOW[config](row)


def digest_row(config: str, row: Row) -> str:
    """Return the sha256 of a row, without its images."""
    columns = [c for c in COLUMN_ORDER[config] if c not in IMAGE_COLUMNS]
    text = json.dumps([row[c] for c in columns], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def tell_fact(fact: Row) -> str:
    """Return a fact in words: ``Pleural Effusion, absent, left``."""
    return ", ".join(str(fact[k]) for k in ("condition", "existence", "location", "severity") if fact[k])


def _show_mednega(row: Row) -> Shown:
    lines = []
    for letter, labels, negated, affirmative in zip(
        LETTERS, row["choice_labels"], row["negated_choices"], row["affirmative_choices"], strict=True
    ):
        told = zip(row["conditions"], labels, strict=True)
        facts = "; ".join(f"{c} {'present' if v == 1 else 'absent'}" for c, v in told)
        texts = {f"{letter}.negated": negated, f"{letter}.affirmative": affirmative}
        lines.append(Line(letter, letter == row["answer"], texts, facts))
    return Shown(", ".join(row["conditions"]), row["question"], lines)


def _show_claims(row: Row) -> Shown:
    lines = []
    for i, (claim, fact, denial) in enumerate(
        zip(row["claims"], row["claim_facts"], row["claim_negations"], strict=True)
    ):
        lines.append(
            Line(str(i + 1), i == row["answer"], {f"claim {i + 1}": claim}, _tell_denial(fact, denial))
        )
    return Shown(row["condition"], "Which claim is true of this image?", lines)


def _show_caption(row: Row) -> Shown:
    told = _tell_denial(row["fact"], row["negation_type"])
    return Shown(row["fact"]["condition"], "", [Line("", True, {"caption": row["caption"]}, told)])


def _show_probe(row: Row) -> Shown:
    lines = [
        Line("correct", True, {"correct": row["correct"]}),
        Line("foil", False, {"foil": row["foil"]}),
    ]
    return Shown(row["condition"], "", lines)


def _show_opposition(row: Row) -> Shown:
    lines = [
        Line("first image", True, {"prompt": row["prompt"]}),
        Line("second image", False, {"distractor_prompt": row["distractor_prompt"]}),
    ]
    return Shown(row["condition"], "The marked prompt belongs to the first image.", lines)


def _show_protocol(row: Row) -> Shown:
    lines = [
        Line(str(i + 1), i == row["answer"], {f"choice {i + 1}": text}, tell_fact(fact))
        for i, (text, fact) in enumerate(zip(row["choices"], row["choice_facts"], strict=True))
    ]
    return Shown(row["condition"], row["question"], lines)


def _tell_denial(fact: Row, denial: str) -> str:
    if fact["existence"] == "present" and denial in ("location", "severity"):
        return f"{fact['condition']}, present, not {fact[denial]}"
    return tell_fact(fact)


SHOW: dict[str, Callable[[Row], Shown]] = {
    "mednega": _show_mednega,
    "contextual_claims": _show_claims,
    "contextual_captions": _show_caption,
    "probes": _show_probe,
    "opposition": _show_opposition,
    "protocols": _show_protocol,
}
