"""The ontology file: what it must say, and that all mistakes in one are told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nastdata.errors import UserError
from nastdata.ontology import Ontology, load_ontology
from nastdata.resources import find_resource

CHEST = find_resource("ontologies") / "chest_xray.yaml"
AFFIRMATIVE = {
    "Atelectasis": "well-aerated expanded lungs",
    "Cardiomegaly": "normal heart size",
    "Consolidation": "clear lung parenchyma",
    "Edema": "normal pulmonary vascularity",
    "Enlarged Cardiomediastinum": "normal mediastinal contours",
    "Fracture": "intact bony structures",
    "Lung Lesion": "homogeneous lung parenchyma",
    "Lung Opacity": "well-aerated lung fields",
    "Pleural Effusion": "sharp costophrenic angles",
    "Pleural Other": "smooth pleural surfaces",
    "Pneumothorax": "fully expanded lungs",
    "Support Devices": "device-free chest",
}


def test_chest_ontology_has_the_papers_names_and_alternatives(ontology: Ontology) -> None:
    first = {c.name: c.affirmative[0].text for c in ontology.conditions}
    assert first.pop("Pneumonia") != "aerated alveoli"  # which no radiograph shows
    assert first == AFFIRMATIVE
    renamed = {"Edema": "pulmonary edema", "Pleural Other": "pleural abnormality"}
    for c in ontology.conditions:
        assert c.text == renamed.get(c.name, c.name.lower())
    assert "not reviewed" in ontology.review.status


def test_hierarchy(ontology: Ontology) -> None:
    children = {"Edema", "Consolidation", "Pneumonia", "Lung Lesion", "Atelectasis"}
    assert {c for c, up in ontology.ancestors.items() if "Lung Opacity" in up} == children
    assert ontology.ancestors["Cardiomegaly"] == {"Enlarged Cardiomediastinum"}


def test_impossible_places_are_absent(ontology: Ontology) -> None:
    assert "left middle lobe" not in ontology.place_by_name
    assert ontology.place_by_name["lingula"].side == "left"
    assert not ontology.condition_by_name["Cardiomegaly"].places


def edit(tmp_path: Path, change: Any) -> str:
    data = yaml.safe_load(CHEST.read_text())
    change(data)
    path = tmp_path / "ontology.yaml"
    path.write_text(yaml.safe_dump(data))
    return str(path)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    def change(data: Any) -> None:
        data["conditions"][0]["parents"] = ["Nothing"]
        data["conditions"][1]["synonyms"].append("pneumothorax")
        data["conditions"][2]["scale"] = "huge"
        data["places"][0]["mirror"] = "bilateral"
        data["places"].append(data["places"][5])
        data["clashes"] = [{"absent": "Gone", "present": "Edema", "why": "made up"}]
        data["conditions"][3]["affirmative"][1]["excludes"] = ["Lost"]
        data["conditions"][4]["excludes"] = ["Away"]

    with pytest.raises(UserError) as caught:
        load_ontology(edit(tmp_path, change))
    text = str(caught.value)
    for said in (
        "'Nothing'",
        "'pneumothorax' means both",
        "'huge'",
        "not the same region",
        "listed twice",
        "'Gone'",
        "affirmative.rounded lung shadows confined to end-on vessels.excludes: there is no condition 'Lost'",
        "conditions.Edema.excludes: there is no condition 'Away'",
    ):
        assert said in text


def test_a_cycle_is_found(tmp_path: Path) -> None:
    def change(data: Any) -> None:
        data["conditions"][0]["parents"] = ["Cardiomegaly"]

    with pytest.raises(UserError, match="own ancestor"):
        load_ontology(edit(tmp_path, change))


def test_unknown_keys_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="colour"):
        load_ontology(edit(tmp_path, lambda d: d.update(colour="red")))
    with pytest.raises(UserError, match="no such ontology"):
        load_ontology("elbow_xray")


def test_fingerprint_follows_content_not_layout(tmp_path: Path, ontology: Ontology) -> None:
    assert load_ontology(edit(tmp_path, lambda d: None)).fingerprint == ontology.fingerprint
    assert load_ontology(edit(tmp_path, lambda d: d.update(version=9))).fingerprint != ontology.fingerprint
