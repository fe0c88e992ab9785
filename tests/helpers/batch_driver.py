"""Words options with the openai writer: called by tests, and run by them as a process that may be killed."""

from __future__ import annotations

import json
import sys
from itertools import product
from typing import Any

from nastdata.assemble.checks import make_checks
from nastdata.ontology import load_ontology
from nastdata.recipe import WriterSettings
from nastdata.records import OptionStatement, OptionWording
from nastdata.writing.base import Writer
from nastdata.writing.registry import make_writer

MIXED = [v for v in product((0, 1), repeat=3) if len(set(v)) > 1]
QUESTIONS = 12
"""First questions; as many rewrites follow."""


def list_wanted() -> list[tuple[OptionStatement, int]]:
    names = [c.name for c in load_ontology("chest_xray").conditions][:QUESTIONS]
    triples = [(names[i], names[(i + 1) % len(names)], names[(i + 2) % len(names)]) for i in range(QUESTIONS)]
    return [(OptionStatement(t, (v[0], v[1], v[2])), 0) for t in triples for v in MIXED]


def make(settings: dict[str, Any], *, fresh: bool = False, dry: bool = False) -> Writer:
    ontology = load_ontology("chest_xray")
    given = {"realizer": "openai", "model": "m", "wordings": 1, "batch_poll": 0.02, **settings}
    checks = make_checks(ontology)
    return make_writer(WriterSettings(**given), ontology, 7, checks, fresh=fresh, dry=dry)


def word(settings: dict[str, Any], *, fresh: bool = False) -> dict[str, Any]:
    """Return what a dataset would hold of the words: texts, lineage, ledger."""
    writer = make(settings, fresh=fresh)
    texts = writer.write_options(list_wanted())
    said = [[w.negated, w.affirmative, w.plan_id, w.realizer] for w in texts if isinstance(w, OptionWording)]
    assert len(said) == len(texts)
    ledger = writer.account()
    return {"texts": said, "ledger": ledger, "run": writer.close_run()}


if __name__ == "__main__":
    json.dump(word(json.loads(sys.argv[1])), sys.stdout)
