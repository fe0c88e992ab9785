"""What can be found, how it is called, where it can be and how grave: loaded from YAML and checked.

One file describes one organ or examination. Another organ is another file: ``--set ontology=FILE``.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nastdata.errors import UserError
from nastdata.resources import find_resource

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Number = Literal["singular", "plural"]
Name = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Phrase(_Part):
    """A noun phrase and the grammar it needs."""

    text: Name
    """As in running text, lower case unless a proper name."""
    number: Number = "singular"
    """Of the verb: "normal heart size is seen", "sharp costophrenic angles are seen"."""
    article: Literal["a", "an"] | None = None
    """Indefinite article where the noun takes one; none for mass nouns and plurals."""
    synonyms: tuple[Name, ...] = ()
    """Other ways of saying it that the parser reads; writers use ``text`` only."""
    also_read: tuple[Name, ...] = ()
    """More names that the reader knows and that nothing is ever written with: shorthand, plurals."""


class Scale(_Part):
    """An ordered scale of grades, lightest first."""

    name: Name
    grades: tuple[Name, ...] = Field(min_length=2)
    synonyms: dict[Name, tuple[Name, ...]] = {}
    """Grade -> other words that mean it."""
    also_read: dict[Name, tuple[Name, ...]] = {}
    """Grade -> words that only the reader takes for it."""


class Region(_Part):
    """A kind of place, without a side."""

    name: Name
    within: tuple[Name, ...] = ()
    """Regions that contain it wholly: what is in it is in them too."""
    overlaps: tuple[Name, ...] = ()
    """Regions that it shares some of, neither holding the other: one can't make the other false."""


class Place(_Part):
    """A place that a fact can name: a region with a side, or a side alone."""

    name: Name
    side: Literal["left", "right", "both"] | None = None
    region: Name | None = None
    """None for a bare side ("left", "right", "bilateral")."""
    phrase: Name
    """After a noun or verb: "in the right lower lobe", "on the left", "bilaterally"."""
    adjective: Name | None = None
    """Before a noun, where natural: "right lower lobe", "left", "bilateral"."""
    mirror: Name | None = None
    """The same region on the other side."""
    neighbours: tuple[Name, ...] = ()
    """Near places on the same side that it is mistaken for."""
    synonyms: tuple[Name, ...] = ()
    also_read: tuple[Name, ...] = ()
    """More names that only the reader knows."""


class Predicate(_Part):
    """Subjects and adjectives that state a condition together: "the heart is enlarged", "enlarged heart".

    Without subjects, any place may be the subject: "the left lower lobe is collapsed".
    """

    subjects: tuple[Name, ...]
    adjectives: tuple[Name, ...]


class Condition(Phrase):
    """A finding: its label, its names, its affirmative alternative, its places and grades."""

    name: Name
    """Label of the corpus, e.g. "Pleural Effusion"; ``text`` is the name in running text."""
    affirmative: Phrase
    """How to say, without a negation, that it is absent."""
    parents: tuple[Name, ...] = ()
    """Findings that are present whenever this one is (label hierarchy)."""
    scale: Name | None = None
    """Which grades it takes; none if it has none."""
    places: tuple[Name, ...] = ()
    """Where it can be."""
    gone: tuple[Name, ...] = ()
    """Words that say that it is gone without naming it: "extubated"."""
    narrower: tuple[Name, ...] = ()
    """Names of one kind of it only: without a "tension pneumothorax" there may still be a pneumothorax."""
    only_with_place: tuple[Name, ...] = ()
    """Names that the reader takes for this finding only where one of its places is said too: "lesion"."""
    predicates: tuple[Predicate, ...] = ()
    """Sentences that state it without its name; read by the parser, never written."""


class Clash(_Part):
    """An affirmative phrase for one absent condition that misleads beside another present one."""

    absent: Name
    present: Name
    why: Name


class Review(_Part):
    """Who looked at this file, and at what."""

    status: Name
    reviewed_by: tuple[Name, ...] = ()
    notes: tuple[Name, ...] = ()


class Ontology(_Part):
    """A whole ontology file. Conditions keep the file's order, which is the canonical order."""

    name: Name
    version: int
    subject: Phrase
    """What is looked at: "chest radiograph"."""
    subject_synonyms: tuple[Name, ...] = ()
    review: Review
    scales: tuple[Scale, ...] = ()
    regions: tuple[Region, ...] = ()
    places: tuple[Place, ...] = ()
    conditions: tuple[Condition, ...] = Field(min_length=3)
    clashes: tuple[Clash, ...] = ()
    others: tuple[Name, ...] = ()
    """Phrases that hold a condition's name and mean something else ("pericardial effusion")."""
    vocabulary: tuple[Name, ...] = ()
    """Domain words that a text may hold beside names, places and grades without stating a fact."""

    @model_validator(mode="after")
    def _check_references(self) -> Ontology:
        problems = [*_repeated(self), *_dangling(self), *_ambiguous(self), *_impossible(self)]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @cached_property
    def condition_by_name(self) -> dict[str, Condition]:
        """Condition name -> condition."""
        return {c.name: c for c in self.conditions}

    @cached_property
    def place_by_name(self) -> dict[str, Place]:
        """Place name -> place."""
        return {p.name: p for p in self.places}

    @cached_property
    def region_by_name(self) -> dict[str, Region]:
        """Region name -> region."""
        return {r.name: r for r in self.regions}

    @cached_property
    def order(self) -> dict[str, int]:
        """Condition name -> position in the canonical order."""
        return {c.name: i for i, c in enumerate(self.conditions)}

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """Condition name -> every finding that is present whenever it is."""
        out: dict[str, frozenset[str]] = {}

        def climb(name: str) -> frozenset[str]:
            if name not in out:
                above = self.condition_by_name[name].parents
                out[name] = frozenset(above).union(*(climb(p) for p in above))
            return out[name]

        for c in self.conditions:
            climb(c.name)
        return out

    def grades(self, condition: str) -> tuple[str, ...]:
        """Return the grades of a condition, lightest first; empty if it takes none."""
        scale = self.condition_by_name[condition].scale
        return next((s.grades for s in self.scales if s.name == scale), ())

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the content, independent of the file's layout."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def _repeated(o: Ontology) -> list[str]:
    out = []
    for kind, names in (
        ("conditions", [c.name for c in o.conditions]),
        ("places", [p.name for p in o.places]),
        ("regions", [r.name for r in o.regions]),
        ("scales", [s.name for s in o.scales]),
    ):
        out += [f"{kind}: '{n}' stands twice" for n in sorted({n for n in names if names.count(n) > 1})]
    return out


def _dangling(o: Ontology) -> list[str]:
    conditions = {c.name for c in o.conditions}
    places = {p.name for p in o.places}
    regions = {r.name for r in o.regions}
    scales = {s.name for s in o.scales}
    refs: list[tuple[str, str, set[str], str]] = []
    for c in o.conditions:
        refs += [(f"conditions.{c.name}.parents", p, conditions, "condition") for p in c.parents]
        refs += [(f"conditions.{c.name}.places", p, places, "place") for p in c.places]
        if c.scale:
            refs.append((f"conditions.{c.name}.scale", c.scale, scales, "scale"))
    for k in o.clashes:
        refs += [("clashes.absent", k.absent, conditions, "condition")]
        refs += [("clashes.present", k.present, conditions, "condition")]
    for p in o.places:
        refs += [(f"places.{p.name}.neighbours", n, places, "place") for n in p.neighbours]
        if p.mirror:
            refs.append((f"places.{p.name}.mirror", p.mirror, places, "place"))
        if p.region:
            refs.append((f"places.{p.name}.region", p.region, regions, "region"))
    for r in o.regions:
        refs += [(f"regions.{r.name}.within", w, regions, "region") for w in r.within]
        refs += [(f"regions.{r.name}.overlaps", w, regions, "region") for w in r.overlaps]
    for s in o.scales:
        refs += [(f"scales.{s.name}.synonyms", g, set(s.grades), "grade") for g in s.synonyms]
        refs += [(f"scales.{s.name}.also_read", g, set(s.grades), "grade") for g in s.also_read]
    return [f"{where}: no {kind} '{name}'" for where, name, known, kind in refs if name not in known]


def _ambiguous(o: Ontology) -> list[str]:
    """A phrase may mean one condition, or one affirmative alternative, only."""
    meaning: dict[str, str] = {}
    out = []
    for c in o.conditions:
        a = c.affirmative
        said = [
            *((t, c.name) for t in (c.text, *c.synonyms, *c.also_read)),
            *((t, f"no {c.name}") for t in (a.text, *a.synonyms, *a.also_read)),
        ]
        for text, what in dict.fromkeys((t.lower(), what) for t, what in said):
            if meaning.setdefault(text, what) != what:
                out.append(f"conditions.{c.name}: '{text}' means both {meaning[text]} and {what}")
    return out


def _impossible(o: Ontology) -> list[str]:
    out = []
    by_name = {c.name: c for c in o.conditions}
    for c in o.conditions:
        seen, queue = set[str](), list(c.parents)
        while queue:
            p = queue.pop()
            if p == c.name:
                out.append(f"conditions.{c.name}.parents: it is its own ancestor")
                break
            if p not in seen and p in by_name:
                seen.add(p)
                queue += by_name[p].parents
    places = {p.name: p for p in o.places}
    for place in o.places:
        m = places.get(place.mirror or "")
        if m and (
            m.mirror != place.name or {m.side, place.side} != {"left", "right"} or m.region != place.region
        ):
            out.append(f"places.{place.name}.mirror: '{m.name}' is not the same region on the other side")
    return out


def find_ontology_file(name_or_path: str) -> Path:
    """Return the file of a built-in ontology's name, or the path itself."""
    path = find_resource("ontologies") / f"{name_or_path}.yaml"
    return path if path.is_file() else Path(name_or_path)


def load_ontology(name_or_path: str) -> Ontology:
    """Load a built-in ontology by name (``chest_xray``) or any YAML file by path.

    Raises:
        UserError: if there is no such file, it is no YAML, or it holds mistakes (all of them listed).
    """
    path = find_ontology_file(name_or_path)
    try:
        stat = path.stat()
    except OSError:
        raise UserError(
            "no such ontology",
            where=name_or_path,
            how="give a built-in name (chest_xray) or the path of a YAML file",
        ) from None
    return _load(path, stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _load(path: Path, _mtime_ns: int) -> Ontology:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - a safe loader
        return Ontology.model_validate(data)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as e:
        raise UserError(f"not a readable YAML file ({str(e).splitlines()[0]})", where=str(path)) from e
    except ValidationError as e:
        lines = []
        for err in e.errors():
            where = ".".join(map(str, err["loc"]))
            text = err["msg"].removeprefix("Value error, ")
            lines += [f"{where}: {line}" if where else line for line in text.splitlines()]
        raise UserError(f"{len(lines)} mistakes: " + "; ".join(lines), where=str(path)) from e
