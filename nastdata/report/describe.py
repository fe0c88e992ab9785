"""One description of a dataset, from its manifest: the card and Croissant say what stands here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nastdata import __version__
from nastdata.records import SPLITS
from nastdata.report.columns import CONFIG_NOTES
from nastdata.report.limits import list_biases, list_limits, list_private
from nastdata.report.review_text import list_review
from nastdata.terms import Inherited, inherit_terms

PAPERS = (
    "Layer-Specific Fine-Tuning for Improved Negation Handling in Medical Vision-Language Models. "
    "arXiv:2602.12498.",
    "Improving Negation Understanding in Medical VLMs via Contrastive Fine-Tuning. arXiv:2512.17121.",
)
"""Where the method comes from."""
TITLES = {
    "mednega": "MedNega: paired negated and affirmative questions",
    "contextual": "Contextual negation: claims and captions",
    "probes": "Negation probes for causal tracing",
    "opposition": "Opposition pairs",
    "protocols": "Presence, absence and two-way questions in pairs of images",
}
USES = (
    "measuring how well vision-language models read negation in radiology text",
    "fine-tuning text encoders so that they read it better",
    "research on negation, hard negatives and causal tracing",
)
NOT_FOR = (
    "clinical use of any kind: nothing here diagnoses, triages or advises on patients",
    "claims about prevalence or about patients: rows are chosen for balance, not as a sample of a population",
    "identifying patients, or linking them with other data",
)


@dataclass(frozen=True)
class Config:
    """One config: what it is, and its rows and bytes per split, splits without rows included."""

    name: str
    note: str
    rows: dict[str, int]
    arrow_bytes: dict[str, int]

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that have rows, which are those that have files."""
        return tuple(s for s in SPLITS if self.rows.get(s))


@dataclass(frozen=True)
class Description:
    """What card and Croissant say."""

    name: str
    title: str
    summary: str
    version: str
    terms: Inherited
    citations: tuple[str, ...]
    keywords: tuple[str, ...]
    configs: tuple[Config, ...]
    origin: tuple[str, ...]
    """What it was made from, a source each."""
    method: tuple[str, ...]
    """How it was made, a step each."""
    audit: tuple[str, ...]
    """Blind accuracies and the verdict, a line each."""
    review: tuple[str, ...]
    """Who looked at what, and what they found; or that nobody did."""
    limits: tuple[str, ...]
    biases: tuple[str, ...]
    private: tuple[str, ...]
    """What is personal in it."""
    uses: tuple[str, ...]
    not_for: tuple[str, ...]
    embedded: bool
    """Whether image columns hold images."""

    @property
    def rows(self) -> int:
        """Rows of all configs and splits."""
        return sum(sum(c.rows.values()) for c in self.configs)


def describe(manifest: Mapping[str, Any]) -> Description:
    """Describe a finished manifest (one with ``rows``); what it lacks is left out, never made up."""
    sources = manifest.get("sources") or []
    recipe = manifest.get("recipe") or {}
    kind = str(recipe.get("recipe") or "+".join(manifest["rows"]))
    names = [str(s["name"]) for s in sources]
    title = TITLES.get(kind, kind) + (f", from {join(str(s['title']) for s in sources)}" if sources else "")
    configs = tuple(
        Config(c, CONFIG_NOTES[c], rows, (manifest.get("arrow_bytes") or {}).get(c, {}))
        for c, rows in manifest["rows"].items()
    )
    return Description(
        name="-".join(["nast", kind, *names]),
        title=title,
        summary=_summarise(configs, names),
        version=str(manifest.get("version") or manifest.get("nastdata") or __version__),
        terms=inherit_terms(sources),
        citations=tuple(dict.fromkeys([*(c for s in sources if (c := s["terms"]["citation"])), *PAPERS])),
        keywords=("negation", "radiology", "vision-language", "CLIP", "benchmark", *names),
        configs=configs,
        origin=_tell_origin(manifest),
        method=_tell_method(manifest),
        audit=_tell_audit(manifest.get("audit")),
        review=list_review(manifest),
        limits=list_limits(manifest),
        biases=list_biases(manifest),
        private=list_private(manifest),
        uses=USES,
        not_for=NOT_FOR,
        embedded="embedded" in (manifest.get("images") or {}),
    )


def tell_interval(solver: Mapping[str, Any]) -> str:
    """Return a blind accuracy with its interval and chance: ``24.8 % [24.1, 25.6], chance 25.0 %``."""
    low, high = 100 * solver["low"], 100 * solver["high"]
    return f"{100 * solver['accuracy']:.1f} % [{low:.1f}, {high:.1f}], chance {100 * solver['chance']:.1f} %"


def join(names: Iterable[str]) -> str:
    """Join names as in running text: a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _summarise(configs: tuple[Config, ...], names: list[str]) -> str:
    parts = [f"{c.name}: {sum(c.rows.values()):,} rows. {c.note}" for c in configs]
    start = "Tests and teaches negation in medical vision-language models"
    made = f", made from {join(names)}" if names else ""
    return f"{start}{made}. " + " ".join(parts)


def _tell_origin(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (manifest.get("counts") or {}).get("sources", {})
    out = []
    for s in manifest.get("sources") or []:
        c = counts.get(s["name"], {})
        line = f"{s['title']} ({s['name']})"
        if c:
            line += f": {c['rows_in']:,} rows read, {c['used']:,} used, {c['rejected']:,} rejected"
            left = sum(c["left_out"].values())
            line += f", {left:,} left out" if left else ""
        out.append(line + f". Terms: {s['terms']['licence']}" + _link(s["terms"].get("url")))
    return tuple(out)


def _link(url: str | None) -> str:
    return f", {url}" if url else ""


def _tell_strict(manifest: Mapping[str, Any]) -> str:
    """Say how many MedNega items deny only what is known to be absent, in either wording."""
    design = (manifest.get("counts") or {}).get("design") or {}
    strict = (design.get("equivalents") or {}).get("strict_items")
    if strict is None:
        return ""
    return (
        f" Of {design['items']:,} items, {strict:,} are strict: all that the right option excludes is known "
        "to be absent. In the others nothing known of the study contradicts it."
    )


def _tell_method(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    recipe, ontology = manifest.get("recipe") or {}, manifest.get("ontology") or {}
    writer = (recipe.get("writer") or {}).get("realizer", "template")
    out = [
        f"Made by nastdata {manifest.get('nastdata')} from the recipe `{recipe.get('recipe')}`, "
        f"seed {manifest.get('seed')}; the whole recipe is in manifest.json.",
        "Labels and facts are taken from the sources; only definite ones are used.",
        f"{_tell_writers(manifest, writer)} Each text was read back by a reader that does not know how it "
        "was written, and kept only if it says exactly what the facts say.",
        "Splits are by patient.",
    ]
    if recipe.get("design"):
        out.insert(2, f"Options follow the `{recipe['design']}` design.{_tell_strict(manifest)}")
    if ontology:
        out.append(
            f"Names, affirmative alternatives, places and grades: ontology `{ontology['name']}`, "
            f"version {ontology['version']}."
        )
    ledger = manifest.get("ledger")
    if ledger:
        told = ", ".join(f"{k.replace('_', ' ')} {v:,}" for k, v in ledger.items() if isinstance(v, int))
        out.append(f"Language model use: {told}.")
    sent = manifest.get("sent_to_services") or {}
    if sent.get("rows_sent"):
        own = sent.get("own_server")
        where = {"loopback": "a server on this machine", "own network": "a server on the maker's own network"}
        out.append(
            f"Study rows were put to {where.get(str(sent.get('endpoint')), 'a service elsewhere')}"
            + (f"; statement: {own}." if own else ".")
        )
    return tuple(out)


def _tell_writers(manifest: Mapping[str, Any], asked: str) -> str:
    """Say who wrote the texts, by what is written in the rows."""
    total: Counter[str] = Counter()
    for writers in ((manifest.get("counts") or {}).get("written_by") or {}).values():
        total.update(writers)
    if not total:
        return f"Texts were written by the `{asked}` writer."
    rows = total.total()
    shares = ", ".join(f"`{w}` {n / rows:.1%} ({n:,} rows)" for w, n in total.most_common())
    return f"Texts were written by: {shares}."


def _tell_audit(audit: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Name the strongest solver of each config and subset, then the warnings."""
    if not audit:
        return ()
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for s in audit.get("solvers", []):
        groups.setdefault((s["config"], s.get("subset") or ""), []).append(s)
    out = []
    for (config, subset), solvers in groups.items():
        best = max(solvers, key=lambda s: s["accuracy"] - s["chance"])
        where = f"{config} ({subset})" if subset not in ("", "all") else config
        out.append(f"{where}: at best {tell_interval(best)} ({best['name']}, of {len(solvers)} solvers)")
    return (*out, *(f"Warning: {w}" for w in audit.get("verdict", {}).get("warnings", [])))
