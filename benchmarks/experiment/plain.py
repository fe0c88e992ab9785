"""The page for clinicians: three pictures, a paragraph each; the sentences follow the figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from experiment.generalisation import TESTS
from experiment.hypotheses import list_hypotheses
from experiment.intervals import Estimate, Runs, estimate
from experiment.measures import compare, measure
from experiment.methods import UNTRAINED
from experiment.sizes import Size

NAMES = {
    UNTRAINED: "before training",
    "uniform": "after training",
    "existence only": "only 'X' and 'no X'",
    "no negation": "no denials",
    "shuffled truths": "wrong images",
    "no image": "no images",
    "trace": "by the trace",
    "permuted": "same, shuffled",
    "top three": "3 blocks it names",
    "bottom three": "3 blocks it does not",
}


def write_plain(size: Size, found: Mapping[str, Runs], docs: Path) -> list[Path]:
    """Write ``experiment-plain.md`` and its pictures; return their paths."""
    pictures = [
        _draw_bias(found, docs / "experiment-plain-1.png"),
        _draw_needs(found, docs / "experiment-plain-2.png"),
        _draw_layers(found, docs / "experiment-plain-3.png"),
    ]
    page = docs / "experiment-plain.md"
    page.write_text("\n\n".join(_tell(size, found)) + "\n", encoding="utf-8")
    return [page, *pictures]


def _tell(size: Size, found: Mapping[str, Runs]) -> list[str]:
    answers = {h.comparison: h.rule.decide(h.evaluate(found)) for h in list_hypotheses()}
    micro = ["**A trial run of the machinery: its figures mean nothing.**"] * (size.name == "micro")
    before, after = found[UNTRAINED], found["uniform"]
    values = {
        (name, what): _percent(estimate(measure(r, what)))
        for name, r in (("before", before), ("after", after))
        for what in ("affirms", "denies")
    }
    gain = compare(after, before, "denies")
    carried = [
        new for test, new in TESTS.items() if answers[f"uniform - untrained: denies ({test})"] == "yes"
    ]
    lost = [new for test, new in TESTS.items() if answers[f"uniform - untrained: denies ({test})"] != "yes"]
    return [
        '# Does it help a model to understand "no"?',
        *micro,
        "A computer model was shown drawn chest radiographs with sentences about them. Then it was asked, for "
        "patients that it had never seen, which of five to seven sentences is true. Sometimes the true one says "
        "that something is there, sometimes that it is not. Guessing gets about one in five.",
        "![Right answers before and after training](experiment-plain-1.png)",
        f"**Before and after.** At first the model is right in {values['before', 'affirms']} of 100 questions "
        f"whose answer says that something is there, and in {values['before', 'denies']} of 100 whose answer says "
        f'that something is not there: it hardly hears the word "no". After training on this project\'s sentences '
        f"it is right in {values['after', 'affirms']} and {values['after', 'denies']} of 100. "
        f"{_say(answers['uniform - untrained: denies'], 'The gain on denials is real', 'Denials gain too little', 'Whether denials gain enough could not be decided')} "
        f"({_points(gain)} points). {_list(carried, lost)}",
        "![What the training needs](experiment-plain-2.png)",
        "**What the training needs.** We took parts of the training away, to see what does the work. "
        + " ".join(
            [
                _say(
                    answers["uniform - existence only: balanced"],
                    'Sentences that deny a place or a grade ("not in the left lung") help beyond "X" and "no X".',
                    'Denying places and grades adds nothing worth mentioning to "X" and "no X".',
                    'Whether denying places and grades helps beyond "X" and "no X" could not be decided.',
                ),
                _say(
                    answers["uniform - no negation: balanced"],
                    "Without sentences that deny, the gain is lost.",
                    "Sentences that deny were not needed.",
                    "Whether sentences that deny are needed could not be decided.",
                ),
                _say(
                    answers["uniform - no image: balanced"],
                    "With one and the same image for every sentence it is lost as well: the model does learn to look.",
                    "It made no difference that counts whether there were images.",
                    "Whether the images are needed could not be decided.",
                ),
            ]
        ),
        "![Which parts of the model should learn](experiment-plain-3.png)",
        "**Which parts should learn.** A published method looks for the layers of the model that carry the word "
        '"no", and lets these learn fastest. '
        + _say(
            answers["trace - uniform: balanced"],
            "Here that was better than letting all layers learn alike",
            "Here that was not better than letting all layers learn alike",
            "Whether that is better than letting all layers learn alike could not be decided here",
        )
        + f" ({_points(compare(found['trace'], found['uniform'], 'balanced'))} points). "
        + _say(
            answers["top three - bottom three: balanced"],
            "The search itself does point at layers that matter: letting only those learn does more than letting "
            "only the others learn.",
            "The layers that the search points at did not matter more than those that it does not.",
            "Whether the search points at the layers that matter could not be decided.",
        ),
        "**What this does not mean.** The radiographs are drawings, the models are tiny, and nobody's diagnosis was "
        "tested. The figures compare ways of training with one another; they say nothing of how often a real "
        "system would be right about a real patient. All figures, with their uncertainty: "
        "[for researchers](experiment.md).",
    ]


def _draw_bias(found: Mapping[str, Runs], path: Path) -> Path:
    return _bars(path, found, (UNTRAINED, "uniform", "trace"), "Right answers of 100")


def _draw_needs(found: Mapping[str, Runs], path: Path) -> Path:
    names = (UNTRAINED, "uniform", "existence only", "no negation", "shuffled truths", "no image")
    return _bars(path, found, names, "Right answers of 100, with parts of the training taken away")


def _draw_layers(found: Mapping[str, Runs], path: Path) -> Path:
    names = ("uniform", "trace", "permuted", "top three", "bottom three")
    return _bars(path, found, names, "Right answers of 100, by which layers learn")


def _bars(path: Path, found: Mapping[str, Runs], names: tuple[str, ...], title: str) -> Path:
    from nastdata.evaluation.plots import plot_bars

    kinds = {"the truth says that it is there": "affirms", "the truth says that it is not": "denies"}
    series = {
        label: [_scale(estimate(measure(found[m], what))) for m in names] for label, what in kinds.items()
    }
    labels = [NAMES.get(m, m).replace(" ", "\n", 1) for m in names]
    return plot_bars(path, labels, series, title, "right answers of 100")


def _scale(e: Estimate) -> dict[str, float]:
    return {"mean": 100 * e.mean, "low": 100 * e.low, "high": 100 * e.high}


def _percent(e: Estimate) -> str:
    return f"{100 * e.mean:.0f}"


def _points(e: Estimate) -> str:
    return f"{100 * e.mean:+.1f}, between {100 * e.low:+.1f} and {100 * e.high:+.1f}"


def _say(answer: str, yes: str, no: str, undecided: str) -> str:
    return {"yes": yes, "no": no}.get(answer, undecided)


def _list(carried: list[str], lost: list[str]) -> str:
    told = []
    if carried:
        told.append(f"It carries over to {_join(carried)}.")
    if lost:
        told.append(f"It was not shown to carry over to {_join(lost)}.")
    return " ".join(told)


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
