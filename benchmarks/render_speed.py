"""How fast phantom radiographs are drawn, at several sizes, on one core.

python benchmarks/render_speed.py
"""

from __future__ import annotations

import os
import platform
import time

from nastdata.images.phantom import render
from nastdata.ontology import load_ontology
from nastdata.records import Fact
from nastdata.seeded import choose, draw_int


def draw_studies(number: int) -> list[list[Fact]]:
    """Return studies with one to four findings each."""
    ontology = load_ontology("chest_xray")
    studies = []
    for i in range(number):
        facts = []
        for j in range(1 + draw_int(0, "n", i) % 4):
            c = choose(ontology.conditions, 0, "condition", i, j)
            place = choose(c.places, 0, "place", i, j) if c.places else None
            facts.append(Fact(c.name, "present", place, None))
        studies.append(facts)
    return studies


def main() -> None:
    """Print a table of images a second."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; one process")
    print(f"{'size':>6} {'images/s':>9}")
    studies = draw_studies(300)
    for size in (64, 128, 224):
        render(studies[0], 0, size)
        start = time.perf_counter()
        for i, facts in enumerate(studies):
            render(facts, i, size)
        print(f"{size:>6} {len(studies) / (time.perf_counter() - start):>9.0f}")


if __name__ == "__main__":
    main()
