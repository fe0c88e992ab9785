"""Report alignment in a corpus's own sentences: each version is true of one of its two images."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.design.protocols.pairing import read_pools
from nastdata.design.protocols.reports import align_reports, read_bank
from nastdata.frames import labels_schema
from nastdata.ontology import load_ontology
from nastdata.recipe import ProtocolsRecipe
from nastdata.sources.report_sentences import read_statements

ONTOLOGY = load_ontology("chest_xray")
RECIPE = ProtocolsRecipe(recipe="protocols", source=("openi",))
SAID = {
    ("Pleural Effusion", 1): "There is a small right pleural effusion.",
    ("Pleural Effusion", 0): "No pleural effusion.",
    ("Cardiomegaly", 1): "The heart is enlarged.",
    ("Cardiomegaly", 0): "The heart is not enlarged.",
    ("Pneumothorax", 1): "There is a large left pneumothorax.",
    ("Pneumothorax", 0): "No pneumothorax.",
}
CONDITIONS = list(dict.fromkeys(c for c, _ in SAID))


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("No pneumothorax or pleural effusion.", True),
        ("Mild cardiomegaly.", True),
        ("There is a small right pleural effusion.", True),
        ("The heart is enlarged and the aorta is tortuous.", False),
        ("No large pleural effusion.", False),
        ("Possible right lower lobe pneumonia.", False),
        ("The effusion has resolved.", False),
        ("No XXXX pneumothorax.", False),
        ("Stable cardiomegaly.", False),
        ("Comparison is made with the earlier examination.", False),
    ],
)
def test_only_sentences_that_say_a_finding_and_nothing_else_are_quoted(sentence: str, kept: bool) -> None:
    found = read_statements([("openi", "CXR1", [sentence])], ONTOLOGY)
    assert found["text"].to_list() == ([sentence] if kept else [])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from([0, 1])] * 3), min_size=2, max_size=12), st.integers(0, 99))
def test_each_version_is_true_of_its_own_image_and_false_of_the_other(
    vectors: list[tuple[int, ...]], seed: int
) -> None:
    rows = []
    reports = []
    for i, labels in enumerate(vectors):
        said = dict(zip(CONDITIONS, labels, strict=True))
        keys = {"source": "openi", "patient_id": f"P{i}", "study_id": f"S{i}", "image_id": f"I{i}"}
        rows.append({**keys, "image": None, "own_split": None, **said, "split": "train"})
        reports.append(("openi", f"S{i}", [" ".join(SAID[item] for item in said.items())]))
    studies = pl.DataFrame(rows, schema={**labels_schema(ONTOLOGY), "split": pl.String()})
    bank = read_bank(read_statements(reports, ONTOLOGY))
    recipe = RECIPE.model_copy(update={"seed": seed})
    for pool in read_pools(studies, CONDITIONS, seed):
        found = list(align_reports(pool, bank, ONTOLOGY, recipe, CONDITIONS))
        for pair in found:
            for version, study in zip(pair.texts, (pair.having, pair.lacking), strict=True):
                truth = dict(zip(CONDITIONS, pool.labels[study], strict=True))
                (said_frame,) = [read_statements([("openi", "x", [version])], ONTOLOGY)]
                for conditions, present in said_frame.select("conditions", "present").iter_rows():
                    assert all(truth[c] == int(p) for c, p in zip(conditions, present, strict=True))
            first, second = ({s.rstrip(".") for s in t.split(". ")} for t in pair.texts)
            assert len(first - second) == len(second - first) == 1
        used = [(p.condition, s) for p in found for s in (p.having, p.lacking)]
        assert len(used) == len(set(used))
