"""What a source is: a corpus that can say what it needs, find its files, and yield labels or facts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from nastdata.ontology import Ontology
from nastdata.reading.parse import Reading
from nastdata.reading.second_reader.text_reader import TextReader
from nastdata.terms import Terms
from nastdata.text_input.plain_files import open_file


@dataclass(frozen=True)
class InputFile:
    """A file that a build read, for the manifest."""

    path: Path
    sha256: str
    rows: int

    @classmethod
    def of(cls, path: Path, rows: int | None = None) -> InputFile:
        """Hash a file; its lines are its rows, if no number is given."""
        digest, lines = hashlib.sha256(), 0
        with open_file(path) as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
                lines += block.count(b"\n")
        return cls(path, digest.hexdigest(), lines if rows is None else rows)


@dataclass(frozen=True)
class Loaded:
    """What a source yields.

    ``rows_in`` counts units of the input (image rows, reports, entities); it equals ``rows_out`` +
    ``len(rejects)`` + the sum of ``left_out``, asserted by the pipeline.
    """

    frame: pl.DataFrame
    """``frames.labels_schema`` or ``frames.FACTS_SCHEMA``, sorted by (patient, study, ...)."""
    rejects: pl.DataFrame
    """``frames.REJECTS_SCHEMA``, stage "source"."""
    files: tuple[InputFile, ...]
    rows_in: int
    rows_out: int
    """Input units that the frame accounts for (image rows that were folded into a study count here)."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Reason -> input units that carry nothing usable (not mistakes: uncertain, not mapped ...)."""
    report: dict[str, object] = field(default_factory=dict)
    """Counts for the source's report: facts by condition, existence, place, grade."""
    warnings: tuple[str, ...] = ()
    """What the user should know and do something about, a plain sentence each."""
    notes: tuple[str, ...] = ()
    """What the user should know, without having to do anything."""
    statements: pl.DataFrame | None = None
    """Sentences of the reports that say a few findings and nothing else, if asked for."""
    sentences: pl.DataFrame | None = None
    """Some sentences of reports with their readings, for the user to look at; never part of a dataset."""


@dataclass(frozen=True)
class Options:
    """What a recipe may tell a source."""

    seed: int = 0
    phantom_patients: int = 4000
    strength: tuple[str, ...] = ("exact",)
    closed_world: bool = False
    views: str = "frontal"
    """Which images of a study (``sources.views``)."""
    statements: bool = False
    """Whether the sentences of reports are wanted, too (``Loaded.statements``)."""
    reader: TextReader | None = None
    """Of sources with reports: who reads them; None: the rules."""

    def read_texts(self, texts: Sequence[str], ontology: Ontology, *, report: bool = True) -> list[Reading]:
        """Read reports with the reader that the recipe asks for."""
        return (self.reader or TextReader(ontology)).read(texts, report=report)


Loader = Callable[[Path | None, Ontology, Options], Loaded]


@dataclass(frozen=True)
class Source:
    """One corpus. ``data`` paths are files or folders given by the user; None means "look for it"."""

    name: str
    title: str
    terms: Terms
    needs: tuple[str, ...]
    """What to provide, a line each, for ``nastdata sources``."""
    find: Callable[[Path | None], tuple[list[Path], list[str]]]
    """Returns (files found, places looked at), never raises."""
    load_labels: Loader
    load_facts: Loader
    one_report_one_patient: bool = False
    family: str | None = None
    """Corpora of the same family have the same patients under the same ids: they share their splits."""
    has_reports: bool = False
    """Whether its facts are read from reports, so that a recipe's ``reader`` matters."""
    labels: tuple[str, ...] | None = None
    """Names of the corpus's own labels, where it has a fixed set: other data are not passed off as its."""
    description: bytes | None = None
    """Of an own table: its YAML without local paths, which a dataset folder keeps."""
    ontology: str | None = None
    """Ontology that an own table names for itself."""
    image_root: Path | None = None
    """Where an own table says that its images are."""
    max_rejected: float | None = None
    """Highest share of unusable rows with which an own table is built."""
    tolerate: Callable[[], Source] | None = None
    """Returns the same source with any number of unusable rows, for people to look at."""
    views: tuple[str, ...] = ("frontal",)
    """Choices of ``images.views`` that its tables allow."""
