"""A language model as second reader: its questions, what both readers agree on, cost, faults, and terms."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from commands import Run
from hypothesis import given
from hypothesis import strategies as st
from naive_labeler import label
from servers import Faults, serve

from nastdata.errors import UserError
from nastdata.llm.answer_schemas import obeys
from nastdata.ontology import Ontology, load_ontology
from nastdata.reading.api import parse
from nastdata.reading.parse import Reading
from nastdata.reading.second_reader.agreement import Agreement
from nastdata.reading.second_reader.model_reader import ModelReader
from nastdata.reading.second_reader.questions import Questions, split_sentences
from nastdata.reading.second_reader.text_reader import TextReader, check_text_terms, make_text_reader
from nastdata.recipe import BuildRecipe, SecondReaderSettings, fingerprint, load_recipe
from nastdata.records import Fact, ParsedFact
from nastdata.sources import get_source
from nastdata.sources.base import Options

CHEST = load_ontology("chest_xray")
REPORTS = [
    "Small left pleural effusion. No pneumothorax.",
    "No effusion, but there is pneumothorax on the right.",
    "Cardiomegaly.\nNo edema.",
    "Possible pneumonia in the right lower lobe.",
    "The lungs are clear.",
]
FINDING = {
    "condition": "Pleural Effusion",
    "existence": "present",
    "certainty": "definite",
    "place": "left",
    "grade": "small",
    "sentence": "1",
}


def settings(tmp_path: Path, url: str = "http://127.0.0.1:9/v1", **more: Any) -> SecondReaderSettings:
    given = {"base_url": url, "model": "m", "cache": tmp_path / "answers.sqlite", "max_retries": 0, **more}
    return SecondReaderSettings.model_validate(given)


def reading(*facts: Fact) -> Reading:
    """Make up a reading as the model's."""
    said = tuple(ParsedFact(f, 0, 4, None, 0, (0, 4)) for f in facts)
    order = {"present": 1, "uncertain": -1, "absent": 0}
    return Reading("text", {f.condition: order[f.existence] for f in reversed(facts)}, said, (), (), ())


# -- questions and answers ----------------------------------------------------------------------------------


def test_sentences_are_cut_at_marks_and_lines() -> None:
    text = "Small effusion.  A 1.5 cm nodule.\n- No edema\n\n"
    assert [text[s.start : s.end] for s in split_sentences(text)] == [
        "Small effusion.",
        "A 1.5 cm nodule.",
        "- No edema",
    ]


@given(st.text(max_size=80))
def test_every_text_has_a_sentence_within_it(text: str) -> None:
    spans = split_sentences(text)
    assert spans
    assert all(0 <= s.start <= s.end <= len(text) for s in spans)
    assert [*spans] == sorted(spans, key=lambda s: s.start)


def test_the_question_holds_the_report_and_every_name() -> None:
    (_, system), (_, asked) = Questions(CHEST).write_messages(REPORTS[0], bound=False)
    assert "JSON" in system
    assert "[1] Small left pleural effusion.\n[2] No pneumothorax." in asked
    assert all(f"- {c.name}: {c.text}" in asked for c in CHEST.conditions)
    assert "right lower lobe" in asked


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"existence": "perhaps"}, False),
        ({"condition": "Influenza"}, False),
        ({"place": "the left knee"}, False),
        ({"grade": "enormous"}, False),
        ({"sentence": "3"}, False),
    ],
)
def test_the_schema_admits_names_of_the_ontology_only(change: dict[str, str], fits: bool) -> None:
    form = Questions(CHEST).write_form(REPORTS[0], bound=False)
    assert obeys(json.dumps({"findings": [{**FINDING, **change}]}), form) is fits
    assert obeys('{"findings": []}', form)


@pytest.mark.parametrize(
    ("change", "fact", "count"),
    [
        ({}, Fact("Pleural Effusion", "present", "left", "small"), {}),
        ({"certainty": "uncertain"}, Fact("Pleural Effusion", "uncertain", "left", "small"), {}),
        ({"existence": "absent", "place": "none", "grade": "none"}, Fact("Pleural Effusion", "absent"), {}),
        ({"place": "left clavicle"}, Fact("Pleural Effusion", "present", None, "small"),
         {"place that the condition can't have": 1}),
        ({"grade": "severe"}, Fact("Pleural Effusion", "present", "left"),
         {"grade that the condition can't have": 1}),
        ({"existence": "absent", "grade": "severe"}, None,
         {"grade that the condition can't have": 1, "denials refused for such a place or grade": 1}),
    ],
)  # fmt: skip
def test_answers_become_facts(change: dict[str, str], fact: Fact | None, count: dict[str, int]) -> None:
    counts: Counter[str] = Counter()
    answer = json.dumps({"findings": [{**FINDING, **change}]})
    facts = Questions(CHEST).read_answer(answer, REPORTS[0], counts)
    assert [f.fact for f in facts] == ([fact] if fact else [])
    assert dict(counts) == count
    assert all(
        (f.sentence, REPORTS[0][f.start : f.end]) == (0, "Small left pleural effusion.") for f in facts
    )


def test_lines_of_a_bound_model_become_facts() -> None:
    lines = [
        "pneumothorax: absent, definite, sentence 2, place none, grade none",
        "pleural effusion: present, uncertain, sentence 1, place left, grade small",
        "fracture: not mentioned",
    ]
    facts = Questions(CHEST).read_answer(json.dumps({"sentences": lines}), REPORTS[0], Counter())
    assert [f.fact for f in facts] == [
        Fact("Pleural Effusion", "uncertain", "left", "small"),
        Fact("Pneumothorax", "absent"),
    ]


# -- what both say ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "kept"),
    [
        ([Fact("Edema", "absent")], [Fact("Edema", "absent")], [Fact("Edema", "absent")]),
        ([Fact("Edema", "absent")], [Fact("Edema", "present")], []),
        ([Fact("Edema", "absent")], [], []),
        ([], [Fact("Edema", "present")], []),
        ([Fact("Edema", "present", "left lung", "mild")], [Fact("Edema", "present", "left lung")],
         [Fact("Edema", "present", "left lung")]),
        ([Fact("Edema", "present", "left lung")], [Fact("Edema", "present", "right lung")],
         [Fact("Edema", "present")]),
        ([Fact("Pneumothorax", "absent", "left")], [Fact("Pneumothorax", "absent")], []),
        ([Fact("Pneumothorax", "absent", "left")], [Fact("Pneumothorax", "absent", "left")],
         [Fact("Pneumothorax", "absent", "left")]),
        ([Fact("Edema", "uncertain")], [Fact("Edema", "present")], []),
    ],
)  # fmt: skip
def test_a_fact_enters_only_if_both_agree(ours: list[Fact], theirs: list[Fact], kept: list[Fact]) -> None:
    joined = Agreement().join(reading(*ours), reading(*theirs))
    assert [f.fact for f in joined.facts] == kept
    assert set(joined.labels) == {f.condition for f in kept}
    assert bool(joined.unread) is (not kept)


FACTS = st.builds(
    Fact,
    st.sampled_from(["Edema", "Pneumothorax", "Fracture"]),
    st.sampled_from(["present", "absent", "uncertain"]),
    st.sampled_from([None, "left", "right"]),
    st.sampled_from([None, "mild", "severe"]),
)


@given(st.lists(FACTS, max_size=4), st.lists(FACTS, max_size=4))
def test_nothing_enters_that_one_reader_does_not_imply(ours: list[Fact], theirs: list[Fact]) -> None:
    agreement = Agreement()
    joined = agreement.join(reading(*ours), reading(*theirs))
    for fact in (f.fact for f in joined.facts):
        for said in (ours, theirs):
            alike = [f for f in said if (f.condition, f.existence) == (fact.condition, fact.existence)]
            assert alike
            if fact.existence == "absent":
                assert fact in said
            assert all(
                value is None or any(getattr(f, name) == value for f in alike)
                for name, value in (("location", fact.location), ("severity", fact.severity))
            )
    counted = agreement.account()["by_condition"]
    assert set(counted) == {f.condition for f in [*ours, *theirs]}
    for a in counted.values():
        assert a["agree"] + a["opposite"] + a["rules_only"] + a["model_only"] <= a["named"] == 1


def test_agreement_is_counted_by_condition() -> None:
    agreement = Agreement()
    absent, present = reading(Fact("Edema", "absent")), reading(Fact("Edema", "present"))
    for ours, theirs in ((absent, absent), (present, present), (absent, present), (reading(), present)):
        agreement.join(ours, theirs)
    assert agreement.account()["by_condition"]["Edema"] == {
        **{"named": 4, "agree": 2, "share": 0.5, "opposite": 1, "rules_only": 0, "model_only": 1},
        "kappa": 0.2727,
    }
    assert agreement.describe()[1].split() == ["Edema", "4", "2", "50.0", "1", "0", "1", "0.27"]


# -- a server -----------------------------------------------------------------------------------------------


def test_both_readers_over_http(tmp_path: Path, ontology: Ontology) -> None:
    with serve(answer=label) as (url, served):
        reader, sent = make_text_reader("both", settings(tmp_path, url), ontology, ["padchest"])
        read = reader.read([*REPORTS, REPORTS[0], ""])
        assert len(served.delivered) == len(REPORTS)
    assert sent == {"endpoint": "loopback", "restricted_sources": ["padchest"], "reports_sent": True}
    assert [f.fact for f in read[0].facts] == [
        Fact("Pleural Effusion", "present", "left", "small"),
        Fact("Pneumothorax", "absent"),
    ]
    # the weak labeler takes "No" for everything after it: what it denies wrongly does not enter
    assert read[1].labels == {"Pleural Effusion": 0}
    assert [u.reason for u in read[1].unread] == [
        "the readers disagree on Pneumothorax: present by the rules, absent by the model"
    ]
    assert read[2].labels == {"Cardiomegaly": 1, "Edema": 0}
    assert [f.fact for f in read[3].facts] == [Fact("Pneumonia", "uncertain")]
    assert read[4].facts == read[6].facts == ()
    assert read[5] == read[0]
    account = reader.account()
    assert account["model"]["calls"] == len(REPORTS)
    assert account["model"]["prompts"].keys() == {"read_report"}
    assert account["agreement"]["by_condition"]["Pneumothorax"]["opposite"] == 1
    assert any("Pneumothorax" in line for line in reader.describe())


def test_answers_are_kept_and_not_asked_for_again(tmp_path: Path, ontology: Ontology) -> None:
    with serve(answer=label) as (url, served):
        first = ModelReader(settings(tmp_path, url), ontology).read(REPORTS)
        asked = len(served.delivered)
        again = ModelReader(settings(tmp_path, url), ontology)
        assert again.read(REPORTS) == first
        assert len(served.delivered) == asked
        assert "no calls" in again.close_run()
        ModelReader(settings(tmp_path, url), ontology, fresh=True).read(REPORTS)
        assert len(served.delivered) == 2 * asked


def test_unusable_answers_are_asked_again_and_then_unread(tmp_path: Path, ontology: Ontology) -> None:
    faults = Faults({"cut": 0.5, "refusal": 0.1, "429": 0.1})
    texts = [f"No effusion. Nodule of {n} mm." for n in range(30)]
    with serve(faults, answer=label) as (url, served):
        reader = ModelReader(settings(tmp_path, url, max_retries=3), ontology)
        read = reader.read(texts)
        assert served.faults["cut"] > 5
    unread = [r for r in read if r.unread]
    assert 0 < len(unread) < 25
    assert all(r.labels == {} and "unusable" in r.unread[0].reason for r in unread)
    assert all(r.labels == {"Pleural Effusion": 0} for r in read if not r.unread)
    assert reader.account()["not_used"] == {"reports without a usable answer": len(unread)}


def test_a_model_that_answers_nothing_usable_stops_the_run(tmp_path: Path, ontology: Ontology) -> None:
    with serve(answer=lambda prompt: "I can't say.") as (url, served):
        reader = ModelReader(settings(tmp_path, url, stop_after=4, max_concurrency=1), ontology)
        with pytest.raises(UserError, match="4 answers in a row are unusable"):
            reader.read([f"Report {n}." for n in range(40)])
        assert len(served.delivered) < 15


def test_the_budget_is_kept_and_a_later_run_goes_on(tmp_path: Path, ontology: Ontology) -> None:
    with serve(answer=label) as (url, served):
        with pytest.raises(UserError, match=r"budget is reached after 2 calls") as e:
            ModelReader(settings(tmp_path, url, max_calls=2), ontology).read(REPORTS)
        assert "second_reader.max_calls" in str(e.value)
        assert len(served.delivered) == 2
        ModelReader(settings(tmp_path, url), ontology).read(REPORTS)
        assert len(served.delivered) == len(REPORTS)


def test_messages_name_the_readers_settings(tmp_path: Path, ontology: Ontology) -> None:
    with pytest.raises(UserError, match=r"second_reader\.model"):
        ModelReader(settings(tmp_path, model=None), ontology)
    with pytest.raises(UserError, match="no server answers") as e:
        ModelReader(settings(tmp_path), ontology).read(REPORTS)
    assert "writer." not in str(e.value)


def test_restricted_reports_stay_on_this_machine(tmp_path: Path) -> None:
    remote = settings(tmp_path, "https://203.0.113.7/v1")
    with pytest.raises(UserError, match="terms of mimic-cxr forbid sending reports"):
        check_text_terms(remote, ["mimic-cxr"])
    assert check_text_terms(remote, [])["endpoint"] == "remote"
    private = settings(tmp_path, "http://192.168.7.7:8000/v1")
    with pytest.raises(UserError, match="forbid"):
        check_text_terms(private, ["mimic-cxr"])
    assert check_text_terms(settings(tmp_path), ["mimic-cxr"])["endpoint"] == "loopback"
    local = SecondReaderSettings(provider="local", cache=tmp_path / "a.sqlite")
    assert check_text_terms(local, ["mimic-cxr"])["reports_sent"] is False


def test_rules_alone_need_no_model(ontology: Ontology) -> None:
    reader = TextReader(ontology)
    assert reader.read(REPORTS) == [parse(t, True) for t in REPORTS]
    assert (reader.account(), reader.describe()) == ({"reader": "rules"}, [])


# -- a build ------------------------------------------------------------------------------------------------


def write_openi(folder: Path, reports: list[str]) -> Path:
    folder.mkdir()
    for i, text in enumerate(reports):
        (folder / f"{i}.xml").write_text(
            f'<eCitation><uId id="CXR{i}"/><MedlineCitation><Article><Abstract>'
            f'<AbstractText Label="FINDINGS">{text}</AbstractText></Abstract></Article></MedlineCitation>'
            f"<MeSH><major>{'Pneumothorax' if 'There is' in text else 'normal'}</major></MeSH>"
            f'<parentImage id="CXR{i}_IM-0001"/></eCitation>',
            encoding="utf-8",
        )
    return folder


TEXTS = [f"No pneumothorax. No edema. No consolidation, with right effusion {n}." for n in range(1, 61)]
"""The weak labeler takes the effusion for denied; the rules don't."""


def test_a_source_with_reports_asks_both_readers(tmp_path: Path, ontology: Ontology) -> None:
    source = get_source("openi")
    folder = write_openi(tmp_path / "openi", TEXTS)
    with serve(answer=label) as (url, _):
        reader, _ = make_text_reader("both", settings(tmp_path, url), ontology, [])
        loaded = source.load_facts(folder, ontology, Options(reader=reader))
        alone, _ = make_text_reader("model", settings(tmp_path, url), ontology, [])
        wrong = source.load_facts(folder, ontology, Options(reader=alone))
    sure = loaded.frame.filter(pl.col("existence") != "uncertain")
    assert {"Pneumothorax", "Edema"} <= set(sure["condition"]) <= {"Pneumothorax", "Edema", "Consolidation"}
    assert reader.account()["agreement"]["by_condition"]["Pleural Effusion"]["opposite"] == len(TEXTS)
    assert set(wrong.frame["condition"]) == {"Pneumothorax", "Edema", "Consolidation", "Pleural Effusion"}


def test_a_build_reports_the_agreement(tmp_path: Path, run: Run) -> None:
    present = [f"There is a pneumothorax. Study {n}." for n in range(60)]
    mixed = [text for pair in zip(TEXTS, present, strict=True) for text in pair]
    folder = write_openi(tmp_path / "openi", mixed)
    out = tmp_path / "out"
    with serve(answer=label) as (url, served):
        wanted = [
            "reader=both",
            f"second_reader.base_url={url}",
            "second_reader.model=m",
            "audit.enabled=false",
        ]
        wanted += [f"second_reader.cache={tmp_path / 'a.sqlite'}", "claims.enabled=false"]
        listed = [a for s in wanted for a in ("--set", s)]
        build = [
            "build",
            "contextual",
            "--source",
            "openi",
            "--data",
            str(folder),
            "--out",
            str(out),
            *listed,
        ]
        done = run(*build)
        assert len(served.delivered) == len(TEXTS + present)
        assert run("preview", *build[1:6], *listed[:2]).returncode in (0, 2)
        assert len(served.delivered) == len(TEXTS + present)
    assert done.returncode == 0, done.stderr
    assert "model only" in done.stderr
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["recipe"]["reader"] == "both"
    assert "cache" not in manifest["recipe"]["second_reader"]
    reading = manifest["counts"]["reading"]
    assert reading["agreement"]["by_condition"]["Pneumothorax"]["agree"] == len(TEXTS + present)
    assert reading["terms"] == {"endpoint": "loopback", "restricted_sources": [], "reports_sent": True}
    rows = pl.read_parquet(out / "data" / "contextual_captions" / "*.parquet")
    assert set(rows["fact"].struct.field("condition")) == {"Pneumothorax"}


def test_a_source_without_reports_is_refused(run: Run, tmp_path: Path) -> None:
    done = run("build", "contextual", "--set", "reader=both", "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "no reports to read in phantom" in done.stderr


def test_default_recipes_keep_their_fingerprint() -> None:
    recipe = load_recipe("contextual")
    assert isinstance(recipe, BuildRecipe)
    other = recipe.model_copy(update={"second_reader": SecondReaderSettings(model="x")})
    both = recipe.model_copy(update={"reader": "both"})
    assert fingerprint(recipe) == fingerprint(other) != fingerprint(both)


# -- the command line ---------------------------------------------------------------------------------------


def test_parse_with_both_readers(tmp_path: Path, run: Run) -> None:
    report = tmp_path / "report.txt"
    report.write_text(REPORTS[1], encoding="utf-8")
    with serve(answer=label) as (url, served):
        done = run(
            *("parse", "--report", "--json", "--reader", "both", str(report)),
            *("--set", f"second_reader.base_url={url}", "--set", "second_reader.model=m"),
            *("--set", f"second_reader.cache={tmp_path / 'a.sqlite'}"),
        )
        assert len(served.delivered) == 1
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["labels"] == {"Pleural Effusion": 0}
    assert "the readers disagree on Pneumothorax" in said["unread"][0]["reason"]
    assert "model only" in done.stderr


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["--set", "second_reader.model=m"], "--set belongs to a second reader"),
        (["--reader", "both", "--set", "writer.model=m"], "not second_reader.KEY=VALUE"),
        (["--reader", "both", "--set", "second_reader.modle=m"], "second_reader.modle"),
        (["--reader", "both"], "would be sent to another machine"),
        (["--reader", "both", "--may-leave-machine"], "API key"),
        (["--language", "xx"], "no register"),
    ],
)
def test_wrong_use_of_parse(run: Run, given: list[str], reason: str) -> None:
    done = run("parse", *given, input="No edema.\n")
    assert done.returncode == 2
    assert reason in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_parse_in_a_named_language(run: Run) -> None:
    done = run("parse", "--json", "--language", "es", input="Sin derrame pleural.\n")
    assert json.loads(done.stdout)["labels"] == {"Pleural Effusion": 0}
    done = run("parse", "--json", "--language", "en", input="Sin derrame pleural.\n")
    assert json.loads(done.stdout)["labels"] == {}
