"""What the YAML file of an own table may say: typed, checked, unknown keys refused."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from nastdata.sources.own.label_settings import Labels
from nastdata.sources.own.parts import Name, Part, Word


class Rights(Part):
    """Who may do what with the data. What is not said is taken as not allowed."""

    licence: Name = "not stated"
    citation: str = ""
    url: str = ""
    may_publish: Literal["yes", "private", "no"] = "no"
    """On a hub: to anyone, to a private repository only, not at all."""
    may_leave_machine: bool = False
    """May rows go to a service such as a language model's."""
    deidentified: str = ""
    """Who has seen that ids, paths and texts of the data name nobody, and when."""
    note: str = ""

    @field_validator("may_publish", mode="before")
    @classmethod
    def _read_truth(cls, value: object) -> object:
        return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value

    @field_validator("licence", "citation", "url", "deidentified", "note", mode="before")
    @classmethod
    def _fill_blank(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].default if value is None else value


class Reading(Part):
    """How the files are written; found out by looking at them where it is not said."""

    format: Literal["csv", "parquet", "jsonl", "json", "excel", "arrow"] | None = None
    separator: str | None = None
    """Between cells: one character, or "space" for runs of blanks."""
    encoding: str | None = None
    """UTF-8 unless said: nothing else is ever guessed while reading."""
    decimal: Literal[".", ","] = "."
    sheet: str | None = None
    """Of an Excel file; the first if not said."""
    skip_rows: int = Field(0, ge=0)
    """Rows above the header."""

    @field_validator("separator")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        named = {"space": " ", "tab": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|"}
        value = named.get((value or "").lower(), value)
        if value is not None and len(value) != 1:
            raise ValueError("one character, or one of " + ", ".join(named))
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        import codecs

        if value is not None:
            try:
                codecs.lookup(value)
            except LookupError:
                raise ValueError("no such encoding; common ones: utf-8, cp1252, latin-1, utf-16") from None
        return value


class Key(Part):
    """A column that names something, or a part of what it holds."""

    columns: tuple[Name, ...] = Field(min_length=1)
    """Several are joined by "/"."""
    pattern: str | None = None
    """Regular expression; its group is the name ("(patient[0-9]+)")."""
    remove_prefix: str | None = None
    """Text that is cut off the front: the folders of the machine that the paths were written on."""
    remove_folders: int = Field(0, ge=0)
    """How many leading folders of a path are cut off, where their names are better not written down."""
    template: str | None = None
    """Text with {} in which the name is put: "png/{}.png"."""

    @model_validator(mode="before")
    @classmethod
    def _read_short(cls, value: object) -> object:
        if isinstance(value, str | int | float):
            return {"columns": (str(value),)}
        if isinstance(value, list | tuple):
            return {"columns": value}
        if isinstance(value, dict) and "column" in value and "columns" not in value:
            rest = {k: v for k, v in value.items() if k != "column"}
            return {**rest, "columns": (value["column"],)}
        return value

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                groups = re.compile(value).groups
            except (re.error, RecursionError, OverflowError) as e:
                raise ValueError(f"not a regular expression ({e})") from None
            if groups != 1:
                raise ValueError(f"needs one (group), has {groups}")
            import polars as pl

            try:
                pl.Series([""]).str.extract(value, 1)
            except pl.exceptions.PolarsError:
                raise ValueError("look-around and back-references are not supported") from None
        return value

    @field_validator("template")
    @classmethod
    def _one_place(cls, value: str | None) -> str | None:
        if value is not None and value.count("{}") != 1:
            raise ValueError("needs one {} where the name goes")
        return value


class Columns(Part):
    """Which columns say who and what a row is about."""

    patient: Key | None = None
    """Without it one study counts as one patient, and the card says so."""
    study: Key | None = None
    """Without it one image is one study."""
    image: Key | None = None
    """Path under the image root, or a name that ``template`` makes one of."""
    view: Key | None = None
    split: Key | None = None


class Splits(Part):
    """Words of the split column beside the usual ones (train, val, test ...)."""

    train: tuple[Word, ...] = ()
    validation: tuple[Word, ...] = ()
    test: tuple[Word, ...] = ()


class Values(Part):
    """What the words of label cells mean, beside the usual ones (``nastdata/sources/own/words.yaml``)."""

    present: tuple[Word, ...] = ()
    absent: tuple[Word, ...] = ()
    uncertain: tuple[Word, ...] = ()
    not_mentioned: tuple[Word, ...] = ()
    blank: Literal["not_mentioned", "absent", "uncertain"] = "not_mentioned"
    """A blank is never taken as absent unless this says so."""
    nothing_found: Literal["not_mentioned", "absent"] = "not_mentioned"
    """What "No Finding" says of the conditions that the table knows."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Values:
        seen: dict[str, str] = {}
        for meaning in ("present", "absent", "uncertain", "not_mentioned"):
            for word in getattr(self, meaning):
                other = seen.setdefault(word.strip().casefold(), meaning)
                if other != meaning:
                    raise ValueError(f"'{word}' is both {other} and {meaning}")
        return self


def _read_rule(value: Any, *words: str) -> Any:
    """Return a number of readers, or one of the words."""
    if value in words:
        return value
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"a number of readers, or {', '.join(words[:-1])} or {words[-1]}, not {value!r}")
    return number


class Agreement(Part):
    """How the rows of several readers of one study become one."""

    reader: Name | None = None
    """Column that names the reader; without it every row of a study counts as one."""
    present_if: Annotated[int | str, BeforeValidator(lambda v: _read_rule(v, "any", "majority", "all"))] = (
        "majority"
    )
    """So many readers say that it is there: a number, any, majority or all."""
    absent_if: Annotated[int | str, BeforeValidator(lambda v: _read_rule(v, "majority", "all"))] = "all"
    """So many readers say that it is not; what is neither is uncertain."""


class Reports(Part):
    """Free-text reports: a column of the files, or a folder of text files."""

    column: Name | None = None
    columns: tuple[Name, ...] = ()
    """Several, such as findings and impression."""
    folder: str | None = None
    pattern: str | None = None
    """Regular expression for a file's path under the folder, with the named groups study and patient."""
    language: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Reports:
        if sum((self.column is not None, bool(self.columns), self.folder is not None)) != 1:
            raise ValueError("name either a 'column', several 'columns', or a 'folder' of .txt files")
        if self.pattern is not None:
            try:
                names = re.compile(self.pattern).groupindex
            except (re.error, RecursionError, OverflowError) as e:
                raise ValueError(f"pattern: not a regular expression ({e})") from None
            if "study" not in names:
                raise ValueError("pattern: needs a group (?P<study>...)")
            import polars as pl

            # matched by polars, whose expressions take a time that grows with the text alone
            try:
                pl.Series([""]).str.extract(self.pattern, names["study"])
            except pl.exceptions.PolarsError:
                raise ValueError("pattern: needs a plainer regular expression (no look-around)") from None
        return self

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns of texts, however they were named."""
        return (self.column,) if self.column else self.columns


class OwnSettings(Part):
    """A whole file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """Short: letters, digits, dots, dashes. Every row has it as its source."""
    title: str | None = None
    version: Word | None = None
    rights: Rights = Rights()
    ontology: str | None = None
    """A built-in one, or a YAML file beside this one; the recipe's if not said."""
    files: tuple[Name, ...] = ()
    """Files, folders or patterns (*.csv), from the folder of this file."""
    image_root: str | None = None
    read: Reading = Reading()
    columns: Columns = Columns()
    splits: Splits = Splits()
    labels: Labels | None = None
    reports: Reports | None = None
    values: Values = Values()
    places: dict[Word, Word] = Field(default_factory=dict)
    """Words of place and side cells -> places of the ontology, or left, right, both; "ignore" for none."""
    grades: dict[Word, Word] = Field(default_factory=dict)
    """Words of grade cells -> grades of the ontology; "ignore" for none."""
    agreement: Agreement | None = None
    max_rejected: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Highest share of rows that may be unusable before a build is refused."""

    @model_validator(mode="before")
    @classmethod
    def _drop_blank(cls, value: object) -> object:
        # a heading with nothing but comments below it
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _complete(self) -> OwnSettings:
        problems = []
        if self.labels is None and self.reports is None:
            problems.append("say what the data hold: 'labels' or 'reports'")
        if self.labels is not None and self.reports is not None:
            problems.append("'labels' or 'reports', not both; describe the other in a file of its own")
        table = self.labels is not None or bool(self.reports and self.reports.text_columns)
        if table and not self.files:
            problems.append("'files' names no table")
        named = self.columns.image or self.columns.study or self.columns.patient
        if table and not named:
            problems.append("columns: name at least one of image, study and patient")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def full_title(self) -> str:
        """Title with version, as cards show it."""
        title = self.title or self.name
        return f"{title} (version {self.version})" if self.version else title
