"""Chest ImaGenome: scene graphs of MIMIC-CXR, findings by region of the chest, read from reports by rules."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.annotations.collector import Collector
from nastdata.sources.annotations.label_maps import LabelMap
from nastdata.sources.base import InputFile, Loaded, Options, Source
from nastdata.sources.locate import list_places, tell_missing, walk_tables
from nastdata.sources.mimic.ids import FAMILY, NO_TABLES, ImageList, tidy_number
from nastdata.sources.places import PlaceIndex, find_grade, read_map
from nastdata.sources.terms import CHEST_IMAGENOME
from nastdata.text_input.plain_files import open_zip, read_file

SUFFIX = "_scenegraph.json"
SECTIONS = frozenset({"finalreport", "prelimread"})
"""What was said under "history" is not of this image."""
QUALITY = "read from reports by rules, not by radiologists"
NEEDS = (
    "silver_dataset/scene_graph.zip of Chest ImaGenome, or the folder of its _SceneGraph.json files",
    "for images: MIMIC-CXR-JPG's -split.csv.gz and -metadata.csv.gz, beside it or where mimic-cxr is found",
)
Spot = tuple[str | None, str | None]


@dataclass
class _Study:
    """What the phrases of one study say: condition -> regions, by polarity; grades by (condition, region)."""

    dicom: str
    view: str
    yes: dict[str, set[str]] = field(default_factory=dict)
    no: dict[str, set[str]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    grades: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    graphs: int = 1


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return (zip or folder of scene graphs found, places looked at)."""
    looked = []
    for place in list_places("chest-imagenome", data):
        looked.append(str(place))
        if place.is_file():
            return [place], looked
        for path in walk_tables(place, 6):
            if path.name.lower() == "scene_graph.zip":
                return [path], looked
            if path.name.lower().endswith(SUFFIX):
                return [path.parent], looked
    return [], looked


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load facts with place and grade; a finding denied of both lungs is absent.

    Raises:
        UserError: if there are no scene graphs, or the zip file is broken.
    """
    return _collect(data, ontology, options).as_facts()


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Load the same as label vectors."""
    return _collect(data, ontology, options).as_labels()


def _collect(data: Path | None, ontology: Ontology, options: Options) -> Collector:
    files, looked = find(data)
    if not files:
        raise tell_missing("Chest ImaGenome", data, looked, NEEDS)
    images = ImageList(files[0])
    collector = Collector(SOURCE.name, ontology)
    labels = LabelMap("imagenome_labels", ontology, options.strength)
    studies: dict[tuple[str, str], _Study] = {}
    count = 0
    for name, raw in _read_members(files[0]):
        count += 1
        try:
            graph = json.loads(raw)
            patient, study = (tidy_number(graph[k], k[0]) for k in ("patient_id", "study_id"))
            if patient is None or study is None:
                raise ValueError("no patient_id or study_id")
            _add(studies, (patient, study), graph, labels, name)
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            collector.rejects.append(("not a readable scene graph", name, f"{type(e).__name__}: {e}"[:200]))
    if not studies and not collector.rejects:
        raise UserError("no scene graph in it", where=str(files[0]), how=f"needed: {NEEDS[0]}")
    size = InputFile.of(files[0], count) if files[0].is_file() else InputFile(files[0], "", count)
    collector.files = (size, *images.files)
    regions = {
        row["region"]: (row["place"] or None, row["side"] or None) for row in read_map("imagenome_regions")
    }
    places = PlaceIndex(ontology)
    unknown: Counter[str] = Counter()
    for (patient, study), said in sorted(studies.items()):
        present = []
        for condition, named in said.yes.items():
            unknown.update(r for r in named if r not in regions)
            for region in _keep_narrowest(named, regions, ontology):
                place = places.find(condition, *regions.get(region, (None, None)))
                grades = {
                    find_grade(ontology, condition, g) for g in said.grades.get((condition, region), ())
                }
                grade = grades.pop() if len(grades) == 1 else None
                present.append(Fact(condition, "present", place, grade))
        stated = {f.condition for f in present}
        present = _drop_vague(present, ontology)
        absent = [
            fact
            for condition, named in said.no.items()
            if condition not in stated
            for fact in _deny(condition, named, regions, places)
        ]
        collector.add(
            images.name(patient, study, said.dicom), present, absent, touched=said.touched, units=said.graphs
        )
    collector.report |= {
        "scene_graphs": count,
        "quality": QUALITY,
        "regions_not_known": dict(unknown.most_common(20)),
    }
    if not images.there:
        collector.notes.append(NO_TABLES)
    return collector


def _add(
    studies: dict[tuple[str, str], _Study],
    key: tuple[str, str],
    graph: dict[str, Any],
    labels: LabelMap,
    name: str,
) -> None:
    """Add one image's graph; the graphs of a study's images say the same, so that the first counts."""
    dicom = str(graph.get("image_id") or Path(name).name[: -len(SUFFIX)])
    view = str(graph.get("viewpoint") or "").upper()
    if key in studies:
        known = studies[key]
        known.graphs += 1
        if view == "PA" and known.view != "PA":
            known.dicom, known.view = dicom, view
        return
    study = _Study(dicom, view)
    for entry in graph["attributes"]:
        region = str(entry.get("bbox_name") or entry.get("name") or "").strip().lower()
        sections = entry.get("sections") or []
        grades = entry.get("severity_cues") or []
        for i, phrase in enumerate(entry.get("attributes") or []):
            if i < len(sections) and sections[i] not in SECTIONS:
                continue
            words = [c.split("|")[-1] for c in (grades[i] if i < len(grades) else [])]
            _add_phrase(study, region, phrase, words, labels)
    studies[key] = study


def _add_phrase(study: _Study, region: str, phrase: list[str], grades: list[str], labels: LabelMap) -> None:
    found = []
    for attribute in phrase:
        category, _, rest = attribute.partition("|")
        polarity, _, label = rest.partition("|")
        label = f"{category.strip()}|{label.strip()}"
        if polarity.strip() == "yes":
            study.touched.update(labels.find_touched(label))
        for condition in labels.find_stated(label):
            if polarity.strip() == "yes":
                found.append(condition)
                study.yes.setdefault(condition, set()).add(region)
        if polarity.strip() == "no":
            for condition in labels.find_deniable([label]):
                study.no.setdefault(condition, set()).add(region)
    # a grade beside several findings may be of any of them
    if len(set(found)) == 1 and grades:
        study.grades.setdefault((found[0], region), set()).update(grades)


def _keep_narrowest(named: set[str], regions: dict[str, Spot], ontology: Ontology) -> list[str]:
    """Leave out regions that hold another named one on the same side: "right lung" beside its lower zone."""

    def holds(outer: str, inner: str) -> bool:
        (a, side_a), (b, side_b) = regions.get(outer, (None, None)), regions.get(inner, (None, None))
        if side_a != side_b or a is None or b is None:
            return False
        within = ontology.region_by_name[b].within if b in ontology.region_by_name else ()
        return a in within

    return sorted(r for r in named if not any(holds(r, other) for other in named if other != r))


def _drop_vague(facts: list[Fact], ontology: Ontology) -> list[Fact]:
    """Leave out findings without a place, or at a bare side, beside one that says more of the same."""

    def says_less(fact: Fact, other: Fact) -> bool:
        if fact.condition != other.condition or not other.location:
            return False
        if not fact.location:
            return True
        mine, theirs = (ontology.place_by_name[p] for p in (fact.location, other.location))
        return (
            mine.region in (None, "lung") and theirs.region not in (None, "lung") and mine.side == theirs.side
        )

    return [f for f in facts if not any(says_less(f, other) for other in facts)]


def _deny(condition: str, named: set[str], regions: dict[str, Spot], places: PlaceIndex) -> list[Fact]:
    """A finding denied of both sides, or of a region without a side, is absent; of one side, absent there."""
    sides = {regions.get(r, (None, None))[1] for r in named}
    if sides >= {"right", "left"} or None in sides:
        return [Fact(condition, "absent")]
    side = next(iter(sides))
    place = places.find(condition, None, side)
    return [Fact(condition, "absent", place)] if place else []


def _read_members(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for path in walk_tables(place, 0):
            if path.name.lower().endswith(SUFFIX):
                yield path.name, read_file(path)
        return
    if place.name.lower().endswith(SUFFIX):
        yield place.name, read_file(place)
        return
    with open_zip(place) as archive:
        for name in sorted(archive.names):
            if name.lower().endswith(SUFFIX):
                yield name, archive.read(name)


SOURCE = Source(
    name="chest-imagenome",
    title="Chest ImaGenome",
    terms=CHEST_IMAGENOME,
    needs=NEEDS,
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
    family=FAMILY,
)
