"""What can be found, how it is called, where it can be and how grave: loaded from YAML and checked.

One file describes one organ or examination. Another organ is another file: ``--set ontology=FILE``.

In: a YAML file, or the name of a built-in one.
Out: an ``Ontology``, without mistakes.
May import: errors, resources.
"""

from __future__ import annotations

from nastdata.ontology.alternatives import find_alternative, find_denied_beside
from nastdata.ontology.files import OntologyError, find_ontology_file, list_ontologies, load_ontology
from nastdata.ontology.model import (
    Alternative,
    Clash,
    Condition,
    Name,
    Number,
    Ontology,
    Phrase,
    Place,
    Predicate,
    Region,
    Review,
    Scale,
    SignOff,
)

__all__ = [
    "Alternative",
    "Clash",
    "Condition",
    "Name",
    "Number",
    "Ontology",
    "OntologyError",
    "Phrase",
    "Place",
    "Predicate",
    "Region",
    "Review",
    "Scale",
    "SignOff",
    "find_alternative",
    "find_denied_beside",
    "find_ontology_file",
    "list_ontologies",
    "load_ontology",
]
