"""Ontology files: the built-in ones by name, any other by path."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from nastdata.errors import UserError, name_nearest
from nastdata.ontology.model import Ontology
from nastdata.ontology.problems import explain_errors, explain_yaml, make_loader
from nastdata.resources import find_resource
from nastdata.text_input.plain_files import read_file
from nastdata.text_input.yaml_files import MOST_BYTES, check_numbers, measure

LOADER = make_loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class OntologyError(UserError):
    """An ontology file with mistakes, each a sentence of its own in ``mistakes``."""

    def __init__(self, mistakes: Sequence[str], where: str) -> None:
        self.mistakes = tuple(mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        how = f"nastdata ontology check {where}"
        super().__init__(f"{count}: " + "; ".join(mistakes), where=where, how=how)


def list_ontologies() -> list[str]:
    """Return the names of the built-in ontologies."""
    return sorted(p.stem for p in find_resource("ontologies").glob("*.yaml"))


def find_ontology_file(name_or_path: str) -> Path:
    """Return the file of a built-in ontology's name, or the path itself."""
    if name_or_path in list_ontologies():
        return Path(find_resource("ontologies") / f"{name_or_path}.yaml")
    return Path(name_or_path)


def load_ontology(name_or_path: str) -> Ontology:
    """Load a built-in ontology by name (``chest_xray``) or any YAML file by path.

    Raises:
        UserError: if there is no such file, it is no YAML, or it holds mistakes (all of them listed).
    """
    path = find_ontology_file(name_or_path)
    try:
        stat = path.stat()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        raise UserError(
            "no such ontology",
            where=name_or_path,
            how=f"{name_nearest(name_or_path, list_ontologies())}; or give the path of a YAML file",
        ) from None
    return _load(path, stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _load(path: Path, _mtime_ns: int) -> Ontology:
    try:
        text = read_file(path, MOST_BYTES).decode("utf-8-sig")
        measure(text, str(path), LOADER)
        data = yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader
    except UnicodeDecodeError as e:
        raise UserError(f"not UTF-8 text ({e.reason})", where=str(path), how="save it as UTF-8") from e
    except (yaml.YAMLError, OSError, ValueError, TypeError, RecursionError) as e:
        raise UserError(explain_yaml(e), where=str(path)) from e
    if not isinstance(data, dict):
        raise UserError(
            "not an ontology: a file of keys with values",
            where=str(path),
            how="nastdata ontology new -o mine.yaml writes one to start from",
        )
    check_numbers(data, str(path))
    data = _compose(data)
    try:
        return Ontology.model_validate(data)
    except ValidationError as e:
        raise OntologyError(explain_errors(e, data, Ontology), str(path)) from e


def _compose(value: Any) -> Any:
    """Return text with each letter and its accents as one character, however the file was typed."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {_compose(k): _compose(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_compose(v) for v in value]
    return value
