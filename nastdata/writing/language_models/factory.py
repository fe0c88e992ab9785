"""The LLM writer: asks a model for words, reads them back, tells it what was wrong, gives up in good order.

One question covers a *block*: all mixed polarities of three conditions in a few wordings, or a few wordings
of one fact; ten thousand items share a few hundred questions. With ``per_item`` a question covers one item or
one claim set instead, as in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from nastdata.engines.base import IN_PROCESS, Engine
from nastdata.errors import UserError
from nastdata.llm.cache import AnswerCache, find_cache
from nastdata.llm.prompts import render
from nastdata.ontology import Ontology
from nastdata.recipe import WriterSettings
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording
from nastdata.seeded import shuffle
from nastdata.writing.base import Checks, Failure, Writer
from nastdata.writing.grammar.spans import find_spans
from nastdata.writing.language_models.base import ModelWriter, Wanted, describe_fact, name_fact
from nastdata.writing.language_models.constrained import BoundWriter
from nastdata.writing.language_models.questions import Block, Judge

WORDINGS_PER_CALL = 4
"""Wordings asked for in one question; fewer if the recipe wants fewer."""
STYLES = (
    "present findings first, joined by a comma and 'without'",
    "absent findings first, starting with 'No'",
    "separate clauses joined by semicolons",
    "one clause with 'while'",
    "a full sentence that begins with 'There is' or 'There are'",
    "telegraphic style, no verbs",
    "full sentences with 'is seen' or 'is not seen'",
    "each finding in its own clause, joined by 'and' or 'but'",
)
PROMPTS = ("negated_options", "affirmative_rewrite", "caption", "claims", "regenerate")


class LlmWriter(ModelWriter):
    """Implements ``Writer`` on top of an adapter that answers free questions in JSON.

    Arguments as of ``ModelWriter``.
    """

    prompts = PROMPTS

    def most_per_call(self) -> int:
        """See ``ModelWriter``."""
        return WORDINGS_PER_CALL

    # -- options ------------------------------------------------------------------------------------------

    def write_options(self, wanted: Sequence[Wanted]) -> list[OptionWording | Failure]:
        """Word options: a question for the negated texts of a block, then one for their affirmative twins."""
        self._statements += len(set(wanted))
        blocks = dict(self.plan_options(wanted))
        rewrites: dict[Block, list[tuple[Wanted, str, str]]] = {}
        reasons: dict[Wanted, tuple[str, str | None, str | None]] = {}

        def rewrite(block: Block) -> Block | None:
            """Go on to the affirmative twins as soon as a block's negated texts stand."""
            if block not in blocks:
                return None
            told = blocks[block]
            reasons.update(zip(told, zip(block.reasons, block.last, block.said, strict=True), strict=True))
            held = [(w, t, k) for w, t, k in zip(told, block.texts, block.keys, strict=True) if t is not None]
            if not held:
                return None
            twins = self.plan_rewrite(block, held)
            rewrites[twins] = held
            return twins

        self.asker.solve(blocks, rewrite)
        done: dict[Wanted, OptionWording] = {}
        for block, held in rewrites.items():
            for (w, negated, key), text, reason, last, said in zip(
                held, block.texts, block.reasons, block.last, block.said, strict=True
            ):
                if text is None:
                    reasons[w] = f"affirmative: {reason}", last, said
                else:
                    done[w] = self._make_option(w, negated, text, key)
        return [
            done.get(w) or self.give_up(w[0], w[1], *reasons[w], self.fallback.write_options) for w in wanted
        ]

    def plan_options(self, wanted: Sequence[Wanted]) -> list[tuple[Block, list[Wanted]]]:
        """Return the blocks that cover what is wanted, each with what its sentences are to state."""
        grouped: dict[tuple[Any, ...], list[Wanted]] = {}
        for statement, index in wanted:
            mixed = len(set(statement.labels)) > 1
            number = index // self.per_call
            name = (
                ("item", *statement.conditions, *statement.phrases, index)
                if self.settings.per_item
                else ("options", *statement.conditions, *statement.phrases, mixed, self.per_call, number)
            )
            grouped.setdefault(name, []).append((statement, index))
        return [self._plan_option_block(name, told) for name, told in grouped.items()]

    def _plan_option_block(self, name: tuple[Any, ...], asked: list[Wanted]) -> tuple[Block, list[Wanted]]:
        (conditions, phrases), index = (asked[0][0].conditions, asked[0][0].phrases), asked[0][1]
        mixed = len(set(asked[0][0].labels)) > 1
        first = index - index % self.per_call
        told: list[Wanted] = []
        sets = []
        for i in range(first, first + self.per_call):
            vectors = (
                sorted({s.labels for s, _ in asked})
                if self.settings.per_item
                else [v for v in product((0, 1), repeat=3) if (len(set(v)) > 1) == mixed]
            )
            assignments = []
            for v in shuffle(vectors, self.seed, "vectors", *map(str, name), i):
                told.append((OptionStatement(conditions, (v[0], v[1], v[2]), phrases), i))
                findings = [
                    {"text": self.ontology.condition_by_name[c].text, "state": "present" if x else "absent"}
                    for c, x in zip(conditions, v, strict=True)
                ]
                assignments.append({"number": len(told), "findings": findings})
            sets.append({"style": self._choose_style(conditions, i), "assignments": assignments})
        prompt = render("negated_options", subject=self.ontology.subject.text, sets=sets)
        return Block(name, prompt, [self._judge_negated(s) for s, _ in told]), told

    def _judge_negated(self, statement: OptionStatement) -> Judge:
        return lambda text: self.checks.negated(statement, text)

    def plan_rewrite(self, block: Block, held: Sequence[tuple[Wanted, str, str]]) -> Block:
        """Return the question for the affirmative twins of accepted texts: (wanted, text, request key)."""
        statement = held[0][0][0]
        conditions = [self.ontology.condition_by_name[c] for c in statement.conditions]
        alternatives = [
            {"absent": c.text, "affirmative": c.affirmative[p].text}
            for c, p in zip(conditions, statement.phrases, strict=True)
        ]
        prompt = render("affirmative_rewrite", sentences=[t for _, t, _ in held], alternatives=alternatives)

        def judge(w: Wanted, negated: str, key: str) -> Judge:
            return lambda text: self.checks.option(self._make_option(w, negated, text, key))

        return Block(("rewrite", *block.name), prompt, [judge(*h) for h in held])

    def _make_option(self, wanted: Wanted, negated: str, affirmative: str, key: str) -> OptionWording:
        spans = find_spans(negated, affirmative)
        by = self.sign("negated_options", "affirmative_rewrite")
        return OptionWording(*wanted, f"llm.{key[:16]}", negated, affirmative, spans, by)

    # -- facts --------------------------------------------------------------------------------------------

    def write_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[FactWording | Failure]:
        """Word facts: one question for several wordings of one fact, or for the claims of one set."""
        self._statements += len(set(wanted))
        blocks = self.plan_facts(wanted)
        self.asker.solve([block for block, _ in blocks])
        by = self.sign("claims" if self.settings.per_item else "caption")
        out: dict[tuple[Fact, int], FactWording | tuple[str, str | None, str | None]] = {}
        for block, told in blocks:
            for w, text, key, reason, last, said in zip(
                *(told, block.texts, block.keys, block.reasons, block.last, block.said), strict=True
            ):
                if text is None:
                    out[w] = reason, last, said
                else:
                    out[w] = FactWording(w[0], w[1], f"llm.{key[:16]}", text, by)
        return [
            done
            if isinstance(done := out[w], FactWording)
            else self.give_up(w[0], w[1], *done, self.fallback.write_facts)
            for w in wanted
        ]

    def plan_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[tuple[Block, list[tuple[Fact, int]]]]:
        """Return the blocks that cover what is wanted, each with what its sentences are to state."""
        if self.settings.per_item:
            return self._plan_claims(wanted)
        blocks: dict[tuple[Fact, int], tuple[Block, list[tuple[Fact, int]]]] = {}
        for fact, index in wanted:
            number = index // self.per_call
            if (fact, number) in blocks:
                continue
            name = ("fact", *name_fact(fact), self.per_call, number)
            first = number * self.per_call
            prompt = render(
                "caption",
                subject=self.ontology.subject.text,
                fact=describe_fact(fact, self.ontology),
                style=self._choose_style((fact.condition,), number),
                count=self.per_call,
            )
            told = [(fact, i) for i in range(first, first + self.per_call)]
            blocks[fact, number] = Block(name, prompt, [self._judge_fact(w) for w in told]), told
        return list(blocks.values())

    def _plan_claims(self, wanted: Sequence[tuple[Fact, int]]) -> list[tuple[Block, list[tuple[Fact, int]]]]:
        sets: dict[int, list[Fact]] = {}
        for fact, index in wanted:
            sets.setdefault(index, []).append(fact)
        blocks = []
        for index, facts in sets.items():
            ordered = sorted(set(facts), key=name_fact)
            told = [(f, index) for f in shuffle(ordered, self.seed, "claims", index)]
            described = [describe_fact(f, self.ontology) for f, _ in told]
            prompt = render("claims", subject=self.ontology.subject.text, facts=described)
            names = [part for f, _ in told for part in name_fact(f)]
            blocks.append(
                (Block(("claims", index, *names), prompt, [self._judge_fact(w) for w in told]), told)
            )
        return blocks

    def _judge_fact(self, wanted: tuple[Fact, int]) -> Judge:
        return lambda text: self.checks.fact(FactWording(*wanted, "", text, self.name))

    # -- what would be asked ------------------------------------------------------------------------------

    def list_questions(self, options: Sequence[Wanted], template: Writer) -> list[Block]:
        """Return the questions for options; the sentences to rewrite are the template's."""
        blocks = self.plan_options(options)
        rewrites = []
        for block, told in blocks:
            texts = template.write_options(told)
            held = [
                (w, t.negated, "") for w, t in zip(told, texts, strict=True) if isinstance(t, OptionWording)
            ]
            rewrites.append(self.plan_rewrite(block, held))
        return [*(block for block, _ in blocks), *rewrites]

    def list_fact_questions(self, facts: Sequence[tuple[Fact, int]]) -> list[Block]:
        """Return the questions for facts."""
        return [block for block, _ in self.plan_facts(facts)]

    # -- both ---------------------------------------------------------------------------------------------

    def _choose_style(self, about: Sequence[str], number: int) -> str:
        return shuffle(STYLES, self.seed, "styles", *about)[number % len(STYLES)]


def make_llm_writer(
    settings: WriterSettings,
    ontology: Ontology,
    seed: int,
    checks: Checks,
    fallback: Writer,
    *,
    fresh: bool,
    engine: Engine = IN_PROCESS,
) -> Writer:
    """Return the writer for ``openai`` or ``local``; a local model is asked on the engine's workers."""
    cache = AnswerCache(find_cache(settings.cache))
    if settings.realizer == "local":
        if settings.batch_api:
            raise UserError(
                "batch jobs are a matter of the openai writer",
                where="writer.batch_api",
                how="--set writer.batch_api=false, or --realizer openai",
            )
        from nastdata.llm.local.model import LocalAdapter
        from nastdata.llm.local.on_workers import spread

        local = spread(LocalAdapter(settings), engine)
        return BoundWriter(local, settings, ontology, seed, checks, fallback, cache, fresh)
    make: type[LlmWriter | BoundWriter] = BoundWriter if settings.bound else LlmWriter
    if settings.batch_api:
        from nastdata.llm.batch.run import BatchAdapter

        jobs = BatchAdapter(settings, cache, fresh=fresh)
        writer = make(jobs, settings, ontology, seed, checks, fallback, cache, fresh)
        writer.asker.run = jobs.run  # one account of the run: answers are the asker's, jobs the adapter's
        return writer
    from nastdata.llm.openai_client import OpenAIAdapter

    adapter = OpenAIAdapter(settings)
    return make(adapter, settings, ontology, seed, checks, fallback, cache, fresh)
