"""How many claim sets and captions the contextual design makes, in how long, from which source.

    python benchmarks/design_contextual.py [padchest,openi phantom ...]

Sources whose files are not found are named and left out. Every line is a process of its own, so that its
peak memory is its own.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time

DEFAULT: tuple[tuple[str, dict[str, object]], ...] = (
    ("padchest,openi", {}),
    ("padchest,openi", {"closed_world": True}),
    ("openi", {}),
    ("phantom", {}),
    ("chexpert", {}),
)


def measure(sources: str, settings: dict[str, object]) -> dict[str, object]:
    """Load, split and design in this process; return counts, seconds and peak memory."""
    import polars as pl

    from nastdata.dataset.splits import assign_splits
    from nastdata.design.contextual.captions import design_captions
    from nastdata.design.contextual.claims import design_claims
    from nastdata.ontology import load_ontology
    from nastdata.recipe import ContextualRecipe, check_recipe
    from nastdata.sources import get_source
    from nastdata.sources.base import Options

    recipe: ContextualRecipe = check_recipe(
        {"recipe": "contextual", "source": sources, **settings}, where="benchmark"
    )
    ontology = load_ontology("chest_xray")
    start = time.perf_counter()
    options = Options(closed_world=recipe.closed_world)
    frames = [get_source(name).load_facts(None, ontology, options).frame for name in recipe.source]
    facts = assign_splits(pl.concat(frames, how="diagonal"), recipe.splits, recipe.seed)
    loaded = time.perf_counter()
    claims = design_claims(facts, ontology, recipe)
    claimed = time.perf_counter()
    captions = design_captions(facts, ontology, recipe)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "facts": len(facts),
        "studies": claims.report["studies"],
        "sets": claims.report["sets"],
        "pairs_of_sets": claims.report["pairs"],
        "captions": len(captions.frame),
        "load_s": round(loaded - start, 1),
        "claims_s": round(claimed - loaded, 1),
        "captions_s": round(done - claimed, 1),
        "peak_mb": peak // 1024,
        "claims": claims.report,
        "captions_report": captions.report,
    }


def main() -> None:
    """Print a table, then the claim sets and captions by kind, type and condition."""
    wanted: list[tuple[str, dict[str, object]]] = [(s, {}) for s in sys.argv[1:]] or list(DEFAULT)
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    head = (
        "facts",
        "studies",
        "sets",
        "pairs_of_sets",
        "captions",
        "load_s",
        "claims_s",
        "captions_s",
        "peak_mb",
    )
    print("| source | " + " | ".join(head) + " |")
    print("|---" * (len(head) + 1) + "|")
    details = []
    for sources, settings in wanted:
        argument = json.dumps([sources, settings])
        done = subprocess.run(
            [sys.executable, __file__, "--measure", argument], capture_output=True, text=True, check=False
        )
        title = sources + (" (closed world)" if settings else "")
        if done.returncode:
            print(f"| {title} | {(done.stderr.strip().splitlines() or ['failed'])[-1]} |")
            continue
        result = json.loads(done.stdout)
        print(f"| {title} | " + " | ".join(f"{result[h]:,}" for h in head) + " |", flush=True)
        details.append((title, result))
    for title, result in details:
        print(f"\n{title}")
        for part, keys in (
            ("claims", ("by_split", "by_set_kind", "by_negation_type", "by_k", "by_condition", "by_source")),
            ("captions_report", ("by_split", "by_polarity", "by_negation_type", "by_condition", "by_source")),
        ):
            for key in keys:
                print(f"  {part.split('_')[0]:8} {key:17} {json.dumps(result[part][key])}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*json.loads(sys.argv[2]))))
    else:
        main()
