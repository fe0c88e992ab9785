"""The tables of ``docs/experiment.md``: means over runs in per cent, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiment.generalisation import TESTS
from experiment.hypotheses import TRACE_QUESTIONS, answer_traces, equal_runs, list_hypotheses
from experiment.intervals import Estimate, Runs, estimate
from experiment.judge import AS_TRAINED
from experiment.measures import DENIES, EQUAL, compare, measure
from experiment.methods import BY_NAME, METHODS, UNTRAINED
from experiment.posthoc import POSTHOC

Found = Mapping[str, Runs]
PUBLISHED = {
    "CLIP": ["23.5 / 34.7 / 24.6", "41.8 / 58.6 / 46.2", "21.6"],
    "NegCLIP": ["36.2 / 52.4 / 41.3", "49.7 / 66.3 / 54.1", "12.8"],
    "ConCLIP": ["39.7 / 55.8 / 44.9", "51.2 / 68.0 / 55.6", "10.7"],
    "NegBench": ["43.1 / 59.2 / 48.7", "53.8 / 70.4 / 58.9", "10.2"],
    "NAST": ["49.5 / 65.7 / 55.6", "54.6 / 71.2 / 59.8", "4.2"],
}
"""Figures of arXiv 2602.12498, its tables on contextual negation."""
SHOWN = ("uniform", "trace", "negclip", "flip")
"""Methods whose generalisation is shown."""
KINDS = {
    "main": "the question itself",
    "control": "controls",
    "rival": "rivals",
    "objective": "other objectives",
}


def answer(found: Found, traces: Sequence[Mapping[str, Any]]) -> str:
    """The hypotheses of the plan, each answered."""
    rows = {}
    for h in list_hypotheses():
        e = h.evaluate(found)
        name = f"**{h.name}**" if h.primary else h.name
        rows[name] = [h.question, h.comparison, cell(e, signed=True), h.rule.decide(e)]
    effects = [
        {k: np.array(t["cte"][f"noising_{k}"][1:]) for k in ("robust", "mean_of_ratios", "ratio_of_means")}
        for t in traces
    ]
    decided = answer_traces(effects)
    for name, question, what in TRACE_QUESTIONS:
        values, told = decided[name]
        rows[name] = [question, what, ", ".join(f"{v:.2f}" for v in values), told]
    return table(["", "question", "estimated (points)", "found", "answer"], rows)


def retrieve(found: Found, truth: str) -> str:
    """R@1, R@5 and claim accuracy where the truth denies, or affirms."""
    columns: dict[str, str] = {
        "R@1": f"recall@1:{truth}",
        "R@5": f"recall@5:{truth}",
        "claim accuracy": f"claim:{truth}",
    }
    return _by_method(found, columns, difference="claim accuracy")


def tell_gap(found: Found) -> str:
    """Affirming less denying accuracy, their mean, and denying accuracy at equal affirming accuracy."""
    rows = {}
    for method, runs in found.items():
        equal = [equal_runs(found, m) for m in (method, "uniform")] if "uniform" in found else []
        rows[method] = [
            cell(estimate(measure(runs, "gap"))),
            cell(estimate(measure(runs, "balanced"))),
            _versus(found, method, "balanced"),
            cell(estimate(measure(equal[0], f"{EQUAL}:{DENIES}"))) if equal else "",
            ""
            if not equal or method == "uniform"
            else cell(compare(equal[0], equal[1], f"{EQUAL}:{DENIES}"), signed=True),
        ]
    names = ["gap", "mean of both", "mean - uniform", "denies, at equal affirming accuracy", "that - uniform"]
    return table(["method", *names], rows)


def tell_updates(told: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Share of the change in the three and five most changed blocks, and the whole change."""
    rows = {}
    for method, summaries in told.items():
        changed = [s["update"] for s in summaries if s["update"]["top3"] is not None]
        if changed:
            rows[method] = [
                *(f"{100 * np.mean([u[k] for u in changed]):.1f}" for k in ("top3", "top5")),
                f"{np.mean([np.sqrt(np.square(u['norms']).sum()) for u in changed]):.3g}",
                "; ".join(
                    f"{100 * share:.0f}"
                    for share in np.mean([np.array(u["norms"]) / sum(u["norms"]) for u in changed], axis=0)
                ),
            ]
    return table(["method", "three blocks", "five", "norm of the change", "each block, from the first"], rows)


def generalise(found: Found) -> str:
    """Denying and affirming accuracy on each test, before and after, and the gain."""
    rows = {}
    for test, new in {AS_TRAINED: "as trained", **TESTS}.items():
        if UNTRAINED not in found or "uniform" not in found:
            continue
        for what in ("denies", "affirms"):
            before, after = (estimate(measure(found[m], what, test)) for m in (UNTRAINED, "uniform"))
            gains = [
                cell(compare(found[m], found[UNTRAINED], what, test), signed=True)
                for m in SHOWN
                if m in found
            ]
            rows[f"{new}: {what}"] = [cell(before), cell(after), *gains]
    gains = [f"gain of {m}" for m in SHOWN if m in found]
    return table(["test", "untrained", "uniform", *gains], rows)


def ask_questions(found: Found) -> str:
    """MedNega: options, groups, and whether right answers need the image."""
    columns = {
        "negated options": "mcq_negated",
        "affirmative options": "mcq_affirmative",
        "groups, image to text": "image_to_text_negated",
        "groups, text to image": "text_to_image_negated",
        "right answers that survive a swapped image": "survives_swapped_negated",
    }
    return _by_method(found, columns, test="mednega")


def tell_conditions(found: Found) -> str:
    """Zero-shot AUC, mean over conditions."""
    columns = {
        "affirmative prompt": "auc_affirmative",
        "negated prompt, reversed": "auc_negated",
        "difference of the two": "auc_difference",
    }
    return _by_method(found, columns, test="mednega")


def tell_prompts(found: Found) -> str:
    """CON: top-10 retrieval by style and polarity of the prompt; attribution to the word of negation."""
    kinds = [
        f"{style} {polarity}" for style in ("structured", "natural") for polarity in ("positive", "negative")
    ]
    rows = {
        m: [cell(estimate(measure(runs, f"prompt_top10:{k}", "opposition"))) for k in kinds]
        + [cell(estimate(measure(runs, "attribution", "probes")))]
        for m, runs in found.items()
    }
    return table(["method", *kinds, "attribution to the negation"], rows)


def tell_trials(trials: Mapping[str, Sequence[Mapping[str, Any]]], chosen: Callable[[str], Any]) -> str:
    """What each trial scored on validation, and what was chosen."""
    rows = {}
    for method, some in trials.items():
        scores = "; ".join(f"{t['rate']:g}, {t['decay']:g}: {100 * _score(t):.1f}" for t in some)
        rate, decay = chosen(method)
        rows[method] = [scores, f"{rate:g}, {decay:g}"]
    return table(["method", "rate, decay: validation score", "chosen"], rows)


def tell_failures(told: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Runs that learnt nothing, fell to chance, or had frozen blocks."""
    rows = {}
    for method, summaries in told.items():
        failed = sum(s["failed"] is not None for s in summaries)
        fell = sum(s["collapsed_at"] is not None for s in summaries)
        frozen = sorted({b for s in summaries for b in s["frozen_blocks"]})
        steps = [int(s["best_step"]) for s in summaries]
        rows[method] = [
            f"{len(summaries)}",
            f"{failed}",
            f"{fell}",
            ", ".join(map(str, frozen)) or "none",
            f"{min(steps)} to {max(steps)}",
        ]
    return table(["method", "runs", "learnt nothing", "fell to chance", "frozen blocks", "best step"], rows)


def tell_traces(traces: Sequence[Mapping[str, Any]]) -> str:
    """Effect of each block by estimator, for each pretrained model."""
    kinds = {
        "noising_mean_of_ratios": "mean of ratios",
        "noising_ratio_of_means": "ratio of means",
        "noising_robust": "robust",
        "denoising_robust": "robust, denoising",
    }
    rows = {}
    for number, trace in enumerate(traces, 1):
        for kind, name in kinds.items():
            rows[f"model {number}, {name}"] = [f"{v:.3f}" for v in trace["cte"][kind][1:]]
    depth = int(traces[0]["depth"])
    return table(["effect at the negation after block", *map(str, range(1, depth + 1))], rows)


def tell_agreement(traces: Sequence[Mapping[str, Any]]) -> str:
    """Rank correlation of the estimators over blocks, and the blocks whose sign they dispute."""
    pairs = (
        "noising_mean_of_ratios / noising_ratio_of_means",
        "noising_mean_of_ratios / noising_robust",
        "noising_ratio_of_means / noising_robust",
        "noising_robust / denoising_robust",
    )
    rows = {}
    for number, trace in enumerate(traces, 1):
        agreement = trace["agreement"]
        known = agreement["rank_correlations"]
        disputed = agreement["disputed_blocks"]["noising"]
        rows[f"model {number}"] = [
            *(f"{known[p]:.2f}" if p in known else "" for p in pairs),
            ", ".join(map(str, disputed)) or "none",
        ]
    names = [p.replace("/ noising_", "/ ").removeprefix("noising_").replace("_", " ") for p in pairs]
    return table(["", *names, "disputed blocks"], rows)


def list_methods() -> str:
    """What is compared."""
    rows = {m.name: [KINDS[m.kind], m.about] for m in METHODS}
    rows |= {name: ["trains no tower", about] for name, (_, about) in POSTHOC.items()}
    return table(["method", "", "what"], rows)


def cell(e: Estimate, signed: bool = False) -> str:
    """Return "12.3 [10.1, 14.5]" in per cent."""
    if not e.known:
        return "no rows"
    return f"{100 * e.mean:{'+' if signed else ''}.1f} [{100 * e.low:.1f}, {100 * e.high:.1f}]"


def table(names: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    return "\n".join(lines)


def divide(found: Found) -> Iterator[tuple[str, Found]]:
    """Yield the methods by kind; the untrained model and uniform are in each part."""
    both = {m: found[m] for m in (UNTRAINED, "uniform") if m in found}
    for kind, name in KINDS.items():
        some = {m: r for m, r in found.items() if m in BY_NAME and BY_NAME[m].kind == kind}
        yield name, {**both, **some}
    yield "no tower trained", {**both, **{m: r for m, r in found.items() if m in POSTHOC}}


def _by_method(
    found: Found, columns: Mapping[str, str], test: str = AS_TRAINED, difference: str | None = None
) -> str:
    rows = {}
    for method, runs in found.items():
        rows[method] = [cell(estimate(measure(runs, what, test))) for what in columns.values()]
        if difference is not None:
            rows[method].append(
                ""
                if method == UNTRAINED
                else cell(compare(runs, found[UNTRAINED], columns[difference], test), signed=True)
            )
    names = [*columns, *([f"{difference} - untrained"] if difference else [])]
    return table(["method", *names], rows)


def _versus(found: Found, method: str, what: str) -> str:
    if method == "uniform" or "uniform" not in found:
        return ""
    return cell(compare(found[method], found["uniform"], what), signed=True)


def _score(trial: Mapping[str, Any]) -> float:
    return float(next(iter(trial["best"].values())))
