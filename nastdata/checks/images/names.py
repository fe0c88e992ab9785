"""Names in the headers of a source's images, to be looked for in the texts of a dataset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nastdata.checks.integrity import Opened
from nastdata.images.header_texts import list_header_texts, list_image_files
from nastdata.images.layouts import split_root

HEADERS = 20_000
"""Files of a source's image root whose headers are read for names."""
WORDS = re.compile(r"\w+")
IDS = ("patient_id", "study_id", "image_id", "distractor_image_id")


@dataclass
class Names:
    """Texts of the source's headers, found by their first word."""

    by_word: dict[str, list[str]] = field(default_factory=dict)
    headers: int = 0

    def add(self, texts: Iterable[str]) -> None:
        """Take some texts."""
        for text in texts:
            words = WORDS.findall(text.lower())
            if words and text not in self.by_word.setdefault(words[0], []):
                self.by_word[words[0]].append(text)

    def find(self, text: str, single: bool) -> list[str]:
        """Return the names in a text; with ``single``, names of one word too (which may be common words)."""
        low = text.lower()
        there = set(WORDS.findall(low))
        known = [name for word in there & self.by_word.keys() for name in self.by_word[word]]
        telling = known if single else [n for n in known if len(WORDS.findall(n)) > 1 or n[-1].isdigit()]
        return [name for name in telling if _holds(low, name)]


def list_ids(opened: Opened) -> set[str]:
    """Return the dataset's own ids, which a source's header may hold as well."""
    out: set[str] = set()
    for frame in opened.frames.values():
        for column in IDS:
            if column in frame.columns:
                values = frame[column].drop_nulls().unique().to_list()
                out |= {part.lower() for v in values for part in (v, *v.split("/"))}
    return out


def read_names(roots: Mapping[str, Path], ids: set[str]) -> Names:
    """Return the names in the headers below image roots; the dataset's own ids are none."""
    names = Names()
    for root in roots.values():
        for path in list_image_files(split_root(root)[0], HEADERS):
            names.headers += 1
            names.add(text for text in list_header_texts(path) if text.lower() not in ids)
    return names


def _holds(text: str, name: str) -> bool:
    """Whether a name is in a text as whole words."""
    return re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", text) is not None
