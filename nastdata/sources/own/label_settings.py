"""What a description may say of labels: four layouts, and what a column or a word stands for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from nastdata.sources.own.parts import Count, Meaning, Name, Part, Word


class Target(Part):
    """What a column, or a word of a list, stands for."""

    condition: Name | None = None
    """A condition of the ontology."""
    means: Meaning = "present"
    """What it says of the condition, where a word says more than its name ("no effusion": absent)."""
    place: Name | None = None
    grade: Name | None = None
    place_column: Name | None = None
    side_column: Name | None = None
    """Left, right or both, beside a place without a side."""
    grade_column: Name | None = None
    blank: Literal["not_mentioned", "absent", "uncertain"] | None = None
    """What a blank cell of this column means; ``values.blank`` if not said."""
    special: Literal["ignore", "nothing_found"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_short(cls, value: object) -> object:
        if value is None:
            return {"special": "ignore"}
        if isinstance(value, str):
            return {"special": value} if value in ("ignore", "nothing_found") else {"condition": value}
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> Target:
        if (self.condition is None) == (self.special is None):
            raise ValueError("name a condition of the ontology, or 'ignore', or 'nothing_found'")
        return self


class Box(Part):
    """Where the numbers of a box are."""

    columns: tuple[Name, ...] = Field(min_length=1, max_length=4)
    """Four columns, or one whose cell holds four numbers."""
    order: Literal["x_min y_min x_max y_max", "x y width height", "x_center y_center width height"] = (
        "x_min y_min x_max y_max"
    )
    unit: Literal["pixels", "share"] = "pixels"
    """``share``: of the image's width and height, 0 to 1."""
    width: Name | Count | None = None
    """Of the image: a column, or one number for all."""
    height: Name | Count | None = None
    mirrored: bool = False
    """True where the patient's right is on the right of the image; it is on the left in a radiograph."""
    zones: bool = True
    """Whether upper, mid and lower zone are taken from the height in the image, beside the side."""

    @model_validator(mode="after")
    def _complete(self) -> Box:
        if len(self.columns) not in (1, 4):
            raise ValueError("columns: four of them, or one that holds four numbers")
        if self.unit == "pixels" and (self.width is None or self.height is None):
            raise ValueError(
                "width and height of the image are needed (a column, or a number), or unit: share"
            )
        return self


class ColumnLabels(Part):
    """One column a condition."""

    layout: Literal["columns"]
    columns: dict[Word, Target] = Field(min_length=1)


class ListLabels(Part):
    """One column that lists what there is."""

    layout: Literal["list"]
    column: Name
    separator: str = "|"
    """Between the words; "list" for JSON or Python lists; blanks around it do not count."""
    names: dict[Word, Target] = Field(min_length=1)
    unknown: Literal["reject", "ignore"] = "reject"
    """What becomes of a row with a word that ``names`` does not have."""
    unlisted: Literal["not_mentioned", "absent"] = "not_mentioned"
    """What it means that a condition is not in the list."""

    @field_validator("separator")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value:
            raise ValueError("what is between two words of the list, e.g. '|' or ';', or 'list'")
        return {"comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "tab": "\t"}.get(value, value)


class RowLabels(Part):
    """One row a finding, with or without a box."""

    layout: Literal["rows", "boxes"]
    finding: Name | None = None
    """Column of the finding's name."""
    condition: Name | None = None
    """Where all rows are about one finding."""
    value: Name | None = None
    """Column of 1, 0, yes, no ...; without it a row says that the finding is there."""
    place: Name | None = None
    side: Name | None = None
    grade: Name | None = None
    names: dict[Word, Target] = Field(default_factory=dict)
    box: Box | None = None
    unknown: Literal["reject", "ignore"] = "reject"
    unlisted: Literal["not_mentioned", "absent"] = "not_mentioned"

    @model_validator(mode="after")
    def _complete(self) -> RowLabels:
        if (self.finding is None) == (self.condition is None):
            raise ValueError("name either the column 'finding' or the one 'condition'")
        if self.finding and not self.names:
            raise ValueError("names: what the words of the column 'finding' stand for")
        if (self.layout == "boxes") != (self.box is not None):
            raise ValueError("'box' goes with layout: boxes")
        return self


Labels = Annotated[ColumnLabels | ListLabels | RowLabels, Field(discriminator="layout")]
