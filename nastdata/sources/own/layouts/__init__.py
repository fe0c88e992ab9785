"""What a row says: label columns, a list in one cell, or one finding a row, with or without a box."""

from __future__ import annotations

from nastdata.ontology import Ontology
from nastdata.sources.own.label_settings import ColumnLabels, ListLabels
from nastdata.sources.own.layouts.base import DETAILS, ID, Layout, Said
from nastdata.sources.own.layouts.columns import ColumnLayout
from nastdata.sources.own.layouts.lists import ListLayout
from nastdata.sources.own.layouts.rows import RowLayout
from nastdata.sources.own.settings import OwnSettings


def make_layout(settings: OwnSettings, ontology: Ontology) -> Layout:
    """Return the reader of a description's layout.

    Raises:
        UserError: if its names do not fit the ontology; lists all that do not.
    """
    if isinstance(settings.labels, ColumnLabels):
        return ColumnLayout(settings, ontology)
    if isinstance(settings.labels, ListLabels):
        return ListLayout(settings, ontology)
    return RowLayout(settings, ontology)


__all__ = ["DETAILS", "ID", "Layout", "Said", "make_layout"]
