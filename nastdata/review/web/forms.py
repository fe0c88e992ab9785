"""What a page sends: read strictly, with a reason for everything that is refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from nastdata.review.items import Item
from nastdata.review.questions import VALUES

LONGEST_COMMENT = 4000
LONGEST_TEXT = 1000
FIELDS = 200


class FormError(ValueError):
    """A form that can't be used, in words for its reader."""


@dataclass(frozen=True)
class Form:
    """A form's fields, each once."""

    fields: Mapping[str, str]

    def number(self, name: str) -> int:
        """Return a whole number.

        Raises:
            FormError: if it is none.
        """
        text = self.fields.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise FormError(f"'{name}' is not a number")
        return int(text)


def read_form(body: bytes) -> Form:
    """Read a form as browsers send it (``application/x-www-form-urlencoded``, UTF-8).

    Raises:
        FormError: if it is none.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=FIELDS,
        )
    except ValueError as e:
        raise FormError("not a form") from e
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise FormError(f"'{name}' is there twice")
        fields[name] = value
    return Form(fields)


def read_values(form: Form, questions: Sequence[str]) -> dict[str, str]:
    """Return question -> answer; all of them have to be answered.

    Raises:
        FormError: if one is missing or none of the possible ones.
    """
    values: dict[str, str] = {}
    for question in questions:
        value = form.fields.get(f"q.{question}", "")
        if value not in VALUES:
            raise FormError("Please answer every question; 3 means that you can't tell.")
        values[question] = value
    return values


def read_corrections(form: Form, item: Item) -> dict[str, str]:
    """Return slot -> better text, for those that differ from the item's.

    Raises:
        FormError: if one is too long.
    """
    out = {}
    for slot, text in item.slots.items():
        given = clean_line(form.fields.get(f"text.{slot}", ""))
        if len(given) > LONGEST_TEXT:
            raise FormError(f"The better wording is longer than {LONGEST_TEXT:,} characters.")
        if given and given != text:
            out[slot] = given
    return out


def read_comment(form: Form) -> str:
    """Return the comment.

    Raises:
        FormError: if it is too long.
    """
    comment = clean_text(form.fields.get("comment", ""))
    if len(comment) > LONGEST_COMMENT:
        raise FormError(f"The comment has {len(comment):,} characters; {LONGEST_COMMENT:,} fit.")
    return comment


def clean_text(text: str) -> str:
    """Return text without control characters but line ends and tabs, line ends as one character."""
    joined = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in joined if c in "\n\t" or not _is_odd(c)).strip()


def clean_line(text: str) -> str:
    """Return text in one line, single blanks between words."""
    return " ".join(clean_text(text).split())


def _is_odd(c: str) -> bool:
    """Whether no sheet can hold a character: controls, halves of pairs, code points that are none."""
    return unicodedata.category(c) in ("Cc", "Cs") or ord(c) & 0xFFFE == 0xFFFE
