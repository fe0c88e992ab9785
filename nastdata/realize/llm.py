"""The LLM writer: asks a model for words, reads them back, tells it what was wrong, gives up in good order.

One question covers a *block*: all mixed polarities of three conditions in one wording, or several wordings of
one fact. Blocks are fixed by (conditions, index) or (fact, index): what a model is asked never depends on what
else a build wants, and ten thousand items share a few hundred questions.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from nastdata.draws import choose, shuffle
from nastdata.errors import UserError
from nastdata.llm.base import Adapter, Answer, CallFailure, Request
from nastdata.llm.cache import AnswerCache, find_cache
from nastdata.llm.forms import sentences_schema
from nastdata.llm.ledger import RunLedger, account_texts
from nastdata.llm.prompts import describe_prompt, render
from nastdata.ontology import Ontology
from nastdata.realize.writer import Checks, Failure, Writer
from nastdata.recipe import WriterSettings
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording

WORDINGS_PER_CALL = 4
"""Sentences asked of one fact in one question."""
STYLES = (
    "present findings first, joined by a comma and 'without'",
    "absent findings first, starting with 'No'",
    "separate clauses joined by semicolons",
    "one clause with 'while'",
    "a full sentence that begins with 'There is' or 'There are'",
    "telegraphic style, no verbs",
    "full sentences with 'is seen' or 'is not seen'",
    "state each finding in its own clause, joined by 'and' or 'but'",
)
SYSTEM = "You are a careful radiology report writer. You answer with JSON only."


@dataclass
class Block:
    """One question's worth of texts and how far they are."""

    name: tuple[Any, ...]
    """What identifies it: the draws that shape its prompts hang on this."""
    prompt: str
    values: dict[str, Any]
    judges: list[Callable[[str], str | None]]
    """One per sentence: the reason against a text, or None."""
    texts: list[str | None] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    last: list[str | None] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    key: str = ""
    """Of the request that gave the latest accepted text, for lineage."""

    def __post_init__(self) -> None:
        """Start with nothing accepted."""
        n = len(self.judges)
        self.texts, self.reasons, self.last = [None] * n, ["not asked"] * n, [None] * n

    @property
    def open(self) -> list[int]:
        """Numbers of the sentences that are still wanted."""
        return [i for i, t in enumerate(self.texts) if t is None]


class LlmWriter:
    """Implements ``Writer`` on top of an adapter.

    Args:
        adapter: the model.
        settings: of the recipe's writer.
        ontology: names and affirmative alternatives.
        seed: of the recipe.
        checks: read a text back.
        fallback: writes what the model could not, if ``settings.on_failure`` says so.
        cache: where answers are kept.
        fresh: put questions again even if there is an answer.
    """

    tries_again = True

    def __init__(
        self,
        adapter: Adapter,
        settings: WriterSettings,
        ontology: Ontology,
        seed: int,
        checks: Checks,
        fallback: Writer,
        cache: AnswerCache,
        fresh: bool = False,
    ) -> None:
        self.adapter, self.settings, self.ontology, self.seed = adapter, settings, ontology, seed
        self.checks, self.fallback, self.cache, self.fresh = checks, fallback, cache, fresh
        self.name = f"{adapter.provider}:{adapter.model}"
        self.run = RunLedger()
        self._used: dict[str, Answer] = {}
        self._statements = 0
        self._asked: set[str] = set()
        self.fallbacks: dict[str, int] = {}

    # -- options ------------------------------------------------------------------------------------------

    def write_options(self, wanted: Sequence[tuple[OptionStatement, int]]) -> list[OptionWording | Failure]:
        """Word options: a question for the negated texts of a block, then one for their affirmative twins."""
        self._statements += len(set(wanted))
        blocks: dict[tuple[Any, ...], tuple[Block, list[OptionStatement]]] = {}
        for statement, index in wanted:
            name = ("options", *statement.conditions, len(set(statement.labels)) > 1, index)
            if name not in blocks:
                blocks[name] = self._option_block(name, statement)
        self._solve([b for b, _ in blocks.values()])
        rewrites: list[tuple[Block, Block, list[OptionStatement]]] = []
        for block, statements in blocks.values():
            held = [i for i, text in enumerate(block.texts) if text is not None]
            if held:
                rewrites.append(
                    (self._rewrite_block(block, statements, held), block, [statements[i] for i in held])
                )
        self._solve([r for r, _, _ in rewrites])
        done: dict[tuple[OptionStatement, int], OptionWording] = {}
        reasons: dict[tuple[OptionStatement, int], tuple[str, str | None]] = {}
        for block, statements in blocks.values():
            for statement, reason, last in zip(statements, block.reasons, block.last, strict=True):
                reasons[statement, block.name[-1]] = (reason, last)
        for rewrite, block, statements in rewrites:
            index = block.name[-1]
            for i, statement in enumerate(statements):
                text = rewrite.texts[i]
                if text is None:
                    reasons[statement, index] = (f"affirmative: {rewrite.reasons[i]}", rewrite.last[i])
                else:
                    negated = rewrite.values["sentences"][i]
                    done[statement, index] = self._option(statement, index, negated, text, block.key)
        return [
            done.get(w) or self._give_up(w[0], w[1], *reasons[w], self.fallback.write_options) for w in wanted
        ]

    def _option_block(
        self, name: tuple[Any, ...], like: OptionStatement
    ) -> tuple[Block, list[OptionStatement]]:
        mixed = len(set(like.labels)) > 1
        vectors = [v for v in product((0, 1), repeat=3) if (len(set(v)) > 1) == mixed]
        statements = [
            OptionStatement(like.conditions, (v[0], v[1], v[2]))
            for v in shuffle(vectors, self.seed, *map(str, name))
        ]
        assignments = [
            [
                {"text": self.ontology.condition_by_name[c].text, "state": "present" if x else "absent"}
                for c, x in zip(s.conditions, s.labels, strict=True)
            ]
            for s in statements
        ]
        style = choose(STYLES, self.seed, "style", *map(str, name))
        judges = [self._judge_negated(s) for s in statements]
        return Block(
            name, "negated_options", {"assignments": assignments, "style": style}, judges
        ), statements

    def _judge_negated(self, statement: OptionStatement) -> Callable[[str], str | None]:
        return lambda text: self.checks.negated(statement, text)

    def _rewrite_block(self, block: Block, statements: list[OptionStatement], held: list[int]) -> Block:
        sentences = [str(block.texts[i]) for i in held]
        conditions = [self.ontology.condition_by_name[c] for c in statements[0].conditions]
        alternatives = [{"absent": c.text, "affirmative": c.affirmative.text} for c in conditions]
        index = block.name[-1]

        def judge(i: int, sentence: str) -> Callable[[str], str | None]:
            statement = statements[i]
            return lambda text: self.checks.option(self._option(statement, index, sentence, text, block.key))

        judges = [judge(i, s) for i, s in zip(held, sentences, strict=True)]
        values = {"sentences": sentences, "alternatives": alternatives}
        return Block(("rewrite", *block.name[1:]), "affirmative_rewrite", values, judges)

    def _option(
        self, statement: OptionStatement, index: int, negated: str, affirmative: str, key: str
    ) -> OptionWording:
        plan = f"llm.{describe_prompt('negated_options')[1][:8]}.{key[:12]}"
        spans = find_spans(negated, affirmative)
        return OptionWording(statement, index, plan, negated, affirmative, spans, self.name)

    # -- facts --------------------------------------------------------------------------------------------

    def write_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[FactWording | Failure]:
        """Word facts: one question for several wordings of one fact."""
        self._statements += len(set(wanted))
        blocks: dict[tuple[Fact, int], Block] = {}
        for fact, index in wanted:
            number = index // WORDINGS_PER_CALL
            if (fact, number) not in blocks:
                blocks[fact, number] = self._fact_block(fact, number)
        self._solve(list(blocks.values()))
        out: list[FactWording | Failure] = []
        for fact, index in wanted:
            block = blocks[fact, index // WORDINGS_PER_CALL]
            i = index % WORDINGS_PER_CALL
            text = block.texts[i]
            if text is None:
                out.append(
                    self._give_up(fact, index, block.reasons[i], block.last[i], self.fallback.write_facts)
                )
            else:
                out.append(self._fact(fact, index, text, block.key))
        return out

    def _fact_block(self, fact: Fact, number: int) -> Block:
        name = ("fact", fact.condition, fact.existence, fact.location, fact.severity, fact.denies, number)
        judges = [self._judge_fact(fact, i) for i in range(WORDINGS_PER_CALL)]
        style = choose(STYLES, self.seed, "style", *map(str, name))
        values = {"fact": describe_fact(fact, self.ontology), "style": style, "count": WORDINGS_PER_CALL}
        return Block(name, "caption", values, judges)

    def _judge_fact(self, fact: Fact, index: int) -> Callable[[str], str | None]:
        return lambda text: self.checks.fact(self._fact(fact, index, text, ""))

    def _fact(self, fact: Fact, index: int, text: str, key: str) -> FactWording:
        plan = f"llm.{describe_prompt('caption')[1][:8]}.{key[:12]}"
        return FactWording(fact, index, plan, text, self.name)

    # -- asking -------------------------------------------------------------------------------------------

    def _solve(self, blocks: Sequence[Block]) -> None:
        """Ask for every block's open sentences, up to the number of attempts, each time with the reasons."""
        for attempt in range(self.settings.max_attempts):
            todo = [b for b in blocks if b.open]
            if not todo:
                return
            requests = [self._request(b, attempt) for b in todo]
            for block, request, answer in zip(todo, requests, self._answer(requests), strict=True):
                self._take(block, request, answer)

    def _request(self, block: Block, attempt: int) -> Request:
        messages = [("system", SYSTEM), ("user", render(block.prompt, **block.values))]
        if attempt and any(block.last):
            refusals = [
                {"number": i + 1, "text": block.last[i], "reason": block.reasons[i]}
                for i in block.open
                if block.last[i] is not None
            ]
            messages.append(("user", render("regenerate", refusals=refusals)))
        s = self.settings
        sampling = {
            "max_tokens": s.max_tokens,
            "seed": s.seed if s.seed is not None else self.seed,
            "temperature": s.temperature,
            "top_p": s.top_p,
        }
        a = self.adapter
        form = sentences_schema(len(block.judges))
        return Request(
            a.provider, a.model, a.revision, tuple(messages), form, tuple(sorted(sampling.items())), attempt
        )

    def _answer(self, requests: Sequence[Request]) -> list[Answer | CallFailure]:
        """Serve requests from the cache, put the others to the model, and keep every answer."""
        keys = [r.key for r in requests]
        served = {} if self.fresh else self.cache.get_many(keys)
        if self.fresh:
            served = {k: a for k, a in self._used.items() if k in set(keys) & self._asked}
        ask = {k: r for k, r in zip(keys, requests, strict=True) if k not in served}

        def keep(request: Request, answer: Answer) -> None:
            self.cache.put(request, answer, replace=self.fresh)
            self._asked.add(request.key)
            self.run.add(answer)

        fresh = dict(zip(ask, self.adapter.complete(list(ask.values()), keep), strict=True)) if ask else {}
        self.run.cache_hits += len(served)
        out: list[Answer | CallFailure] = [served[k] if k in served else fresh[k] for k in keys]
        self._used.update({k: a for k, a in zip(keys, out, strict=True) if isinstance(a, Answer)})
        if any(isinstance(a, CallFailure) and a.reason == "budget reached" for a in out):
            raise UserError(
                f"the budget is reached after {self.run.calls} calls; every answer is kept",
                where="writer.max_calls / writer.max_cost",
                how="raise it and run the same command again: nothing is paid twice",
            )
        return out

    def _take(self, block: Block, request: Request, answer: Answer | CallFailure) -> None:
        if isinstance(answer, CallFailure):
            for i in block.open:
                block.reasons[i] = answer.reason
            return
        block.answers.append(answer)
        if answer.outcome != "ok":
            for i in block.open:
                block.reasons[i] = {
                    "truncated": "answer cut off",
                    "invalid": "not of the form asked for",
                }.get(answer.outcome, "refused by the model")
            return
        for i, text in enumerate(json.loads(answer.text)["sentences"]):
            if block.texts[i] is None:
                reason = block.judges[i](text)
                if reason is None:
                    block.texts[i], block.key = text, request.key
                else:
                    block.reasons[i], block.last[i] = reason, text

    def _give_up(
        self,
        statement: Any,
        index: int,
        reason: str,
        text: str | None,
        write: Callable[[Sequence[Any]], list[Any]],
    ) -> Any:
        self.fallbacks[reason] = self.fallbacks.get(reason, 0) + 1
        if self.settings.on_failure == "template":
            return write([(statement, index)])[0]
        return Failure(statement, index, reason, text)

    # -- accounts -----------------------------------------------------------------------------------------

    def account(self) -> dict[str, Any]:
        """Return the manifest's ledger: of the answers that the texts were made from."""
        prompts = ("negated_options", "affirmative_rewrite", "caption", "claims", "regenerate")
        return {
            **account_texts(self._used.values(), self._statements, self.settings.prices),
            "not_worded_by_the_model": dict(sorted(self.fallbacks.items())),
            "on_failure": self.settings.on_failure,
            "prompts": {
                p: {"version": v, "sha256": h} for p, (v, h) in ((p, describe_prompt(p)) for p in prompts)
            },
        }


def describe_fact(fact: Fact, ontology: Ontology) -> dict[str, str | None]:
    """Return a fact in the words that prompts use."""
    place = ontology.place_by_name[fact.location].phrase if fact.location else None
    statement = {
        ("present", None): "it is present",
        ("absent", None): "it is absent",
        ("present", "location"): "it is present, but NOT at the place named below; deny that place",
        ("present", "severity"): "it is present, but NOT of the grade named below; deny that grade",
    }[fact.existence, fact.denies]
    if fact.existence == "absent" and (fact.location or fact.severity):
        statement = "there is none of the place and grade named below"
    return {
        "text": ontology.condition_by_name[fact.condition].text,
        "statement": statement,
        "location": place,
        "severity": fact.severity,
    }


def find_spans(negated: str, affirmative: str) -> tuple[tuple[str, str], ...]:
    """Return the differing pieces of two texts, word by word, as (negated, affirmative) pairs in order."""
    a, b = (re.findall(r"\w[\w'-]*|[^\w\s]", t) for t in (negated, affirmative))
    matcher = difflib.SequenceMatcher(None, [w.lower() for w in a], [w.lower() for w in b], autojunk=False)
    return tuple(
        (" ".join(a[i:j]), " ".join(b[k:m])) for tag, i, j, k, m in matcher.get_opcodes() if tag != "equal"
    )


def make_llm_writer(
    settings: WriterSettings, ontology: Ontology, seed: int, checks: Checks, fallback: Writer, *, fresh: bool
) -> LlmWriter:
    """Return the writer for ``openai`` or ``local``."""
    cache = AnswerCache(find_cache(settings.cache))
    adapter: Adapter
    if settings.realizer == "openai":
        from nastdata.llm.openai_client import OpenAIAdapter

        adapter = OpenAIAdapter(settings)
    else:
        from nastdata.llm.local import LocalAdapter

        adapter = LocalAdapter(settings)
    return LlmWriter(adapter, settings, ontology, seed, checks, fallback, cache, fresh)
