"""Both ontologies: nothing in the grammar may hang on the chest."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastdata.ontology import Ontology, load_ontology

KNEE = Path(__file__).parent.parent / "data" / "knee.yaml"


@pytest.fixture(scope="session", params=["chest_xray", str(KNEE)], ids=["chest", "knee"])
def any_ontology(request: pytest.FixtureRequest) -> Ontology:
    return load_ontology(request.param)
