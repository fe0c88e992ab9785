"""Who reads the texts of ``nastdata parse``: the rules, a language model, or both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nastdata.ontology import Ontology
    from nastdata.reading.parse import Reading
    from nastdata.reading.second_reader.text_reader import TextReader
    from nastdata.recipe import ReaderKind

Item = tuple[str, "dict[str, Any] | None", "str | None"]
TOGETHER = 64
"""Texts that a model is asked about at a time; the rules read one by one, as they come."""
PREFIX = "second_reader."


def make_reader(
    kind: ReaderKind,
    settings: tuple[str, ...],
    ontology: Ontology,
    language: str | None,
    *,
    may_leave_machine: bool,
) -> TextReader:
    """Return the reader that the command line asks for.

    Raises:
        UserError: if a setting isn't the second reader's or is wrong, the model is missing, or the text may
            not leave this machine and would.
    """
    from nastdata.errors import UserError
    from nastdata.reading.second_reader.text_reader import make_text_reader
    from nastdata.recipe import load_recipe

    if kind == "rules" and settings:
        raise UserError("--set belongs to a second reader", where="--set", how="add --reader both")
    pairs = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.startswith(PREFIX):
            raise UserError(
                f"not {PREFIX}KEY=VALUE",
                where=f"--set {setting}",
                how=f"for example --set {PREFIX}model=NAME",
            )
        pairs.append((key, value))
    given = load_recipe("contextual", pairs).second_reader
    restricted = [] if may_leave_machine else ["a text whose terms are not known"]
    try:
        return make_text_reader(kind, given, ontology, restricted, language=language)[0]
    except UserError as e:
        if "forbid sending" not in e.what:
            raise
        raise UserError(
            "these texts would be sent to another machine",
            where=e.where,
            how="use a server on this machine, or add --may-leave-machine if their terms allow it",
        ) from e


def read_items(items: Iterable[Item], reader: TextReader, *, report: bool) -> Iterator[tuple[Reading, Item]]:
    """Read texts in their order: one at a time by the rules, many at a time where a model is asked."""
    waiting: list[Item] = []
    size = 1 if reader.kind == "rules" else TOGETHER
    for item in items:
        waiting.append(item)
        if len(waiting) == size:
            yield from zip(reader.read([i[0] for i in waiting], report=report), waiting, strict=True)
            waiting = []
    yield from zip(reader.read([i[0] for i in waiting], report=report), waiting, strict=True)
