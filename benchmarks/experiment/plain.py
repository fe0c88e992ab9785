"""The page for clinicians: three pictures, a paragraph each; the sentences follow the answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiment.generalisation import TESTS
from experiment.hypotheses import list_hypotheses
from experiment.intervals import Estimate, Runs, estimate
from experiment.measures import compare, measure
from experiment.methods import UNTRAINED
from experiment.sizes import Size

TEMPLATE = Path(__file__).with_name("plain.md.j2")
LABELS = {
    UNTRAINED: "before\ntraining",
    "uniform": "all layers\nalike",
    "existence only": "only 'X'\nand 'no X'",
    "no negation": "no\ndenials",
    "shuffled truths": "wrong\nimages",
    "no image": "no\nimages",
    "trace": "by the\ntrace",
    "permuted": "the same,\nshuffled",
    "top three": "three\nthat it names",
    "bottom three": "three\nthat it does not",
}
PICTURES = (
    ("before and after training", (UNTRAINED, "uniform", "trace")),
    (
        "with parts of the training taken away",
        (UNTRAINED, "uniform", "existence only", "no negation", "shuffled truths", "no image"),
    ),
    ("by which layers learn", ("uniform", "trace", "permuted", "top three", "bottom three")),
)
KINDS = {"the truth is that it is there": "affirms", "the truth is that it is not": "denies"}


def write_plain(size: Size, found: Mapping[str, Runs], docs: Path) -> list[Path]:
    """Write ``experiment-plain.md`` and its pictures; return their paths."""
    from nastdata.evaluation.plots import plot_bars

    pictures = []
    for number, (title, wanted) in enumerate(PICTURES, 1):
        methods = [m for m in wanted if m in found]
        series = {
            k: [_scale(estimate(measure(found[m], what))) for m in methods] for k, what in KINDS.items()
        }
        # the last picture compares ways of training, the others with and without
        names = LABELS if number == len(PICTURES) else {**LABELS, "uniform": "after\ntraining"}
        labels = [names[m] for m in methods]
        path = docs / f"experiment-plain-{number}.png"
        pictures.append(plot_bars(path, labels, series, f"Right answers of 100, {title}", "of 100"))
    page = docs / "experiment-plain.md"
    page.write_text(write_text(size, found), encoding="utf-8")
    return [page, *pictures]


def write_text(size: Size, found: Mapping[str, Runs]) -> str:
    """Return the page."""
    from jinja2 import Environment, StrictUndefined

    answers = {h.comparison: h.rule.decide(h.evaluate(found)) for h in list_hypotheses()}
    carries = {
        new: answers[f"uniform - untrained: balanced ({test})"] == "yes" for test, new in TESTS.items()
    }
    # Markdown is written, not HTML
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        micro=size.name == "micro",
        share=lambda method, what: f"{100 * estimate(measure(found[method], what)).mean:.0f}",
        points=lambda first, second, what: _tell_points(compare(found[first], found[second], what)),
        say=lambda name, yes, no, neither: {"yes": yes, "no": no}.get(answers[name], neither),
        join=_join,
        carried=[new for new, yes in carries.items() if yes],
        lost=[new for new, yes in carries.items() if not yes],
    )
    # an empty block leaves an empty line, and more than one says nothing
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _scale(e: Estimate) -> dict[str, float]:
    return {"mean": 100 * e.mean, "low": 100 * e.low, "high": 100 * e.high}


def _tell_points(e: Estimate) -> str:
    return f"{100 * e.mean:+.1f}, 95 % interval {100 * e.low:+.1f} to {100 * e.high:+.1f}"


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
