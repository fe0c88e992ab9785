"""Rebuilding from a bundle: the recipe as it was, one's own copy of the data, and the comparison."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nastdata.dataset import manifest as manifests
from nastdata.dataset.kept import SOURCES
from nastdata.errors import UserError
from nastdata.ontology import load_ontology
from nastdata.publishing.bundle import NAME, SUMS
from nastdata.recipe import check_recipe
from nastdata.text_input.lines import read_lines
from nastdata.text_input.plain_files import is_plain, open_file, read_file
from nastdata.text_input.yaml_files import read_yaml

MOST_BYTES = 256 << 20
"""Of ``bundle.json`` and its checksums."""


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and is whole."""

    path: Path
    content: dict[str, Any]

    @property
    def outputs(self) -> dict[str, str]:
        """Data files that a rebuild must give, with their sha256s."""
        return dict(self.content["outputs"])


def read_bundle(path: Path) -> Bundle:
    """Open a bundle and check it against its checksums.

    Raises:
        UserError: if it is none, is damaged, or is one that holds the rows themselves.
    """
    if not (path / NAME).is_file():
        raise UserError("no bundle (no bundle.json in it)", where=str(path), how="see nastdata bundle --help")
    try:
        content = json.loads(read_file(path / NAME, MOST_BYTES).decode())
        sums = read_file(path / SUMS, MOST_BYTES).decode().splitlines()
    except (OSError, ValueError, RecursionError) as e:
        raise UserError(f"not a readable bundle ({str(e).splitlines()[0]})", where=str(path)) from e
    if isinstance(content, dict) and content.get("kind") == "physionet":
        raise UserError("holds the rows themselves: there is nothing to rebuild", where=str(path))
    _check_content(content, path / NAME)
    for line in sums:
        sha, _, name = line.partition("  ")
        inside = (
            is_relative(name)
            and is_plain(path / name)
            and (path / name).resolve().is_relative_to(path.resolve())
        )
        if not inside or manifests.hash_file(path / name) != sha:
            raise UserError("damaged: not as SHA256SUMS.txt records it", where=str(path / name))
    return Bundle(path, content)


def recall_recipe(bundle: Bundle) -> Any:
    """Return the recipe of a bundle, with its ontology, and its answers where a language model wrote.

    Raises:
        UserError: if the recipe is not one of this nastdata.
    """
    where = bundle.path / "recipe.yaml"
    data = read_yaml(where)
    if not isinstance(data, dict) or not isinstance(data.get("ontology"), str) or "recipe" not in data:
        raise UserError("not a recipe that a build wrote", where=str(where))
    check_recipe(data, where=str(where))
    data["ontology"] = _choose_ontology(bundle, data["ontology"])
    given = data.get("source", ())
    own = {n: bundle.path / SOURCES / f"{n}.yaml" for n in ([given] if isinstance(given, str) else given)}
    data["source"] = [str(p) if is_relative(n) and is_plain(p) else n for n, p in own.items()]
    answers = bundle.path / "answers.jsonl"
    if answers.exists():
        writer = data.setdefault("writer", {})
        writer["cache"] = str(_restore_answers(answers))
    return check_recipe(data, where=str(where))


def compare(bundle: Bundle, built: Path) -> list[str]:
    """Return the data files of a rebuild that are missing, too many, or differ from the original's."""
    wanted = bundle.outputs
    found = {
        n: sha
        for n, sha in manifests.hash_outputs(built).items()
        if n.startswith("data/") or n == "rejects.parquet"
    }
    return sorted(n for n in wanted.keys() | found.keys() if wanted.get(n) != found.get(n))


def explain(bundle: Bundle, built: Path) -> str:
    """Return why a rebuild differs, as far as the two manifests tell: inputs first, then versions."""
    made = manifests.read_manifest(built) or {}
    inputs = {f["name"]: f["sha256"] for s in bundle.content["sources"] for f in s["files"]}
    mine = {f["name"]: f["sha256"] for s in made.get("sources", []) for f in s["files"]}
    other = sorted(n for n in inputs if mine.get(n) != inputs[n])
    if other:
        return f"other input files than the original's: {', '.join(other)}"
    versions = {"nastdata": bundle.content["nastdata"], **bundle.content["libraries"]}
    own = {"nastdata": made.get("nastdata"), **made.get("libraries", {})}
    changed = [f"{n} {own.get(n)} (was {v})" for n, v in versions.items() if own.get(n) != v]
    return f"other versions: {', '.join(changed)}" if changed else "inputs and versions are the same"


def _choose_ontology(bundle: Bundle, name: str) -> str:
    """Return the name where that ontology is the same, so that the manifest is too; else the file."""
    own = str(bundle.path / "ontology.yaml")
    try:
        same = load_ontology(name).fingerprint == bundle.content["ontology"]["sha256"]
    except UserError:
        return own
    return name if same else own


def is_relative(name: str) -> bool:
    """Whether a name is that of a file in a folder, and leads nowhere else."""
    parts = PurePosixPath(name.replace("\\", "/"))
    plain = bool(name) and "\0" not in name and not parts.is_absolute() and ".." not in parts.parts
    return plain and len(name) < 1_000 and ":" not in name


def _check_content(content: Any, where: Path) -> None:
    """Refuse a ``bundle.json`` of another form than ours."""
    try:
        _Content.model_validate(content)
    except ValidationError as e:
        first = e.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise UserError(
            f"not a bundle of nastdata ({at}: {first['msg'].lower()})", where=str(where)
        ) from None


class _File(BaseModel):
    name: str
    sha256: str


class _Source(BaseModel):
    files: list[_File]


class _Ontology(BaseModel):
    sha256: str


class _Content(BaseModel):
    """What is read of ``bundle.json``; it holds more."""

    kind: Literal["rebuild"]
    outputs: dict[str, str]
    sources: list[_Source]
    ontology: _Ontology
    nastdata: str
    libraries: dict[str, str | None]


class _AnswerFields(BaseModel):
    """An answer as a bundle holds it: nothing but values that an answer has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str
    outcome: Literal["ok", "refusal", "truncated", "invalid"]
    prompt_tokens: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    completion_tokens: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    seconds: Annotated[float, Field(ge=0, lt=1e9)] = 0.0
    retries: Annotated[int, Field(ge=0, lt=10**6)] = 0
    model_said: str | None = None
    call_id: str | None = None
    peer: str | None = None
    raw: str | None = None


class _Entry(BaseModel):
    key: str
    answer: _AnswerFields


def _restore_answers(answers: Path) -> Path:
    """Put a bundle's answers into an answer cache of its own in the user's cache folder."""
    from nastdata.llm.base import Answer
    from nastdata.llm.cache import AnswerCache, find_cache

    entries: list[tuple[str, Answer]] = []
    with open_file(answers) as stream:
        for number, line in read_lines(stream, str(answers)):
            if not line.strip():
                continue
            try:
                entry = _Entry.model_validate_json(line)
                entry.key.encode(), entry.answer.text.encode()
            except ValueError as e:
                first = str(e).splitlines()[-1].strip()[:120]
                raise UserError(f"not an answer ({first})", where=f"{answers}, line {number}") from None
            entries.append((entry.key, Answer(**entry.answer.model_dump())))
    place = find_cache(None).with_name(f"bundle-{manifests.hash_file(answers)[:16]}.sqlite")
    store = AnswerCache(place)
    try:
        store.add_answers(entries)
    finally:
        store.close()
    return place
