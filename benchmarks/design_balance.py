"""Balanced MedNega designs of the real CheXpert labels: ours beside a plain greedy search.

    python benchmarks/design_balance.py

Prints items of the greedy search, items reached, the upper bound, the largest share of one triple in a split,
and seconds. The greedy search goes through the cells in turn, a group a cell, and takes the first free study
for each truth until no cell can take another group; it is given the same splits and settings, but no cap.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars as pl
from machine import describe_machine

from nastdata.dataset.splits import assign_splits
from nastdata.design.mednega.denials import list_denials, weigh_evidence
from nastdata.design.mednega.design import design_mednega
from nastdata.design.mednega.label_masks import Studies, read_studies
from nastdata.design.mednega.planes import list_cells
from nastdata.design.mednega.serving import find_fits
from nastdata.ontology import Ontology, load_ontology
from nastdata.recipe import MednegaRecipe, SplitShares
from nastdata.records import SPLITS
from nastdata.sources import get_source
from nastdata.sources.base import Options

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"equivalents": "strict"},
    {"match_visits": False},
    {"match_visits": False, "avoid_clashes": False},
    {"match_visits": False, "avoid_clashes": False, "avoid_contradictions": False},
    {"match_visits": False, "avoid_clashes": False, "avoid_contradictions": False, "triple_share": None},
    {"triple_share": 0.1},
    {"triple_share": 0.02},
    {"triple_share": None},
    {"items_per_study": 2},
    {"items_per_study": 4},
    {"eligibility": "paper"},
    {"eligibility": "paper", "triple_share": None},
    {"eligibility": "paper", "avoid_clashes": False, "avoid_contradictions": False, "triple_share": None},
)
"""What differs from the default recipe."""


def search_greedily(studies: Studies, ontology: Ontology, recipe: MednegaRecipe) -> int:
    """Return the items that round after round of first-come-first-served finds, over all splits."""
    denials = list_denials(ontology, hierarchy=recipe.avoid_contradictions, phrases=recipe.avoid_clashes)
    cells = list_cells(denials).usable
    eligible = studies.select(studies.fit(recipe.eligibility))
    evidence = weigh_evidence(eligible, denials, strict=recipe.equivalents == "strict")
    masks = np.stack([evidence.present, evidence.absent, evidence.kept], axis=1)
    items = 0
    for split in SPLITS:
        fits = find_fits(masks[(eligible.frame["split"] == split).to_numpy()], cells, denials)
        uses = np.full(len(fits), recipe.items_per_study)
        columns = [np.flatnonzero(f).tolist()[::-1] for f in fits.T]
        queues = [columns[4 * c : 4 * c + 4] for c in range(len(cells))]
        while queues:
            left = []
            for four in queues:
                for queue in four:
                    while queue and not uses[queue[-1]]:
                        queue.pop()
                if all(four):
                    for queue in four:
                        uses[queue.pop()] -= 1
                    items += 4
                    left.append(four)
            queues = left
    return items


def main() -> None:
    """Measure every setting; print one table."""
    ontology = load_ontology("chest_xray")
    loaded = get_source("chexpert").load_labels(None, ontology, Options()).frame
    labels: pl.DataFrame = assign_splits(loaded, SplitShares(), 0)
    studies = read_studies(labels, ontology)
    print(describe_machine())
    print("| setting | greedy | reached | bound | largest triple | triples | s |")
    print("|---|---|---|---|---|---|---|")
    for changed in SETTINGS:
        recipe = MednegaRecipe(recipe="mednega", **changed)
        greedy = search_greedily(studies, ontology, recipe)
        start = time.monotonic()
        report = design_mednega(labels, ontology, recipe).report
        seconds = time.monotonic() - start
        share = max(s["largest_triple_share"] or 0.0 for s in report["splits"].values())
        triples = report["splits"]["train"]["triples"]
        name = ", ".join(f"{k}={'null' if v is None else v}" for k, v in changed.items()) or "default"
        print(
            f"| {name} | {greedy:,} | {report['reached']:,} | {report['bound']:,} "
            f"| {share:.1%} | {triples} | {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
