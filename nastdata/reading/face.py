"""Stub of the reader's public face (to be replaced by the reader's own)."""

from __future__ import annotations

from nastdata.ontology import load_ontology
from nastdata.reading.parse import Reading, get_parser


def parse(
    text: str, report: bool = False, *, ontology: str = "chest_xray", language: str | None = None
) -> Reading:
    """Read a text."""
    return get_parser(load_ontology(ontology)).parse(text)
