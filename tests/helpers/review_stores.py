"""A small review that nobody has answered yet."""

from __future__ import annotations

from pathlib import Path

from nastdata.review.items import Item, Line
from nastdata.review.store import FORMAT, ReviewStore

TEXTS = {"A.negated": "No edema.", "A.affirmative": "Normal vascularity."}
QUESTIONS = ("true", "english", "equivalent", "second")
GOOD = {"true": "yes", "english": "yes", "equivalent": "yes", "second": "no"}


def make_store(path: Path, items: int = 3) -> ReviewStore:
    store = ReviewStore(path)
    made = [
        Item(n, "mednega", f"mn-{n}", "Edema", "mixed", "balanced", "template", QUESTIONS, "d", "Edema", "?",
             (Line("A", True, TEXTS, "Edema absent"),))
        for n in range(1, items + 1)
    ]  # fmt: skip
    names = ("config", "condition", "polarity", "kind", "writer")
    strata = [{**dict(zip(names, made[0].stratum, strict=True)), "rows": 30, "drawn": items}]
    about = {"format": FORMAT, "subject": {"kind": "dataset"}, "plan": {"seed": 0}, "strata": strata}
    store.start(about, made)
    store.add_reviewer("AB", "reviewer")
    store.add_reviewer("CD", "reviewer")
    return store
