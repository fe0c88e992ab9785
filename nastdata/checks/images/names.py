"""Names in the headers of a source's images, to be looked for in the texts of a dataset."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nastdata.checks.integrity import Opened
from nastdata.images.header_texts import list_header_texts, list_image_files
from nastdata.images.layouts import split_root

HEADERS = 20_000
"""Files of a source's image root whose headers are read for names."""
WORDS = re.compile(r"[^\W_]+")
"""Letters and digits; everything else, ``_`` too, separates."""
BETWEEN = r"(?:(?!\n)[\W_])+"
"""What may be between two words of a name: ``Doe^Jane`` is in ``doe_jane_000.png`` and in ``Doe - Jane``."""
IDS = ("patient_id", "study_id", "image_id", "distractor_image_id")
Words = tuple[str, ...]


@dataclass
class Names:
    """Texts of the source's headers, as words, found by their first word."""

    by_word: dict[str, set[Words]] = field(default_factory=dict)
    headers: int = 0

    def add(self, texts: Iterable[str]) -> None:
        """Take some texts."""
        for text in texts:
            words = tuple(WORDS.findall(_fold(text)))
            if words:
                self.by_word.setdefault(words[0], set()).add(words)

    def find(self, text: str, single: bool) -> list[str]:
        """Return the names in a text, whatever separates their words.

        With ``single``, names of one word too (which may be common words).
        """
        low = _fold(text)
        there = set(WORDS.findall(low))
        known = [n for word in there & self.by_word.keys() for n in self.by_word[word] if there.issuperset(n)]
        telling = known if single else [n for n in known if len(n) > 1 or n[-1][-1].isdigit()]
        return sorted(" ".join(name) for name in telling if _holds(low, name))


def list_ids(opened: Opened) -> set[str]:
    """Return the dataset's own ids, which a source's header may hold as well."""
    out: set[str] = set()
    for frame in opened.frames.values():
        for column in IDS:
            if column in frame.columns:
                values = frame[column].drop_nulls().unique().to_list()
                out |= {part.lower() for v in values for part in (v, *v.split("/"))}
    return out


def read_names(roots: Mapping[str, Path], ids: set[str], most: int = HEADERS) -> Names:
    """Return the names in the headers of up to ``most`` files below each root.

    The dataset's ids are none, unless they are names that are written out (``DOE^JANE``).
    """
    names = Names()
    for root in roots.values():
        for path in list_image_files(split_root(root)[0], most):
            names.headers += 1
            names.add(t for t in list_header_texts(path) if t.lower() not in ids or _is_written_out(t))
    return names


def _is_written_out(text: str) -> bool:
    """Whether a text is several words without a digit, as names are and ids are not."""
    return len(WORDS.findall(text)) > 1 and not any(c.isdigit() for c in text)


def _fold(text: str) -> str:
    """Return a text in lower case, with accents as one character each."""
    return unicodedata.normalize("NFKC", text).lower()


def _holds(text: str, name: Words) -> bool:
    """Whether a name is in a text as whole words, on one line."""
    inner = BETWEEN.join(map(re.escape, name))
    return re.search(rf"(?<![^\W_]){inner}(?![^\W_])", text) is not None
