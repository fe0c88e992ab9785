"""The bound writer: a model picks its words from the sentence plans, so it can't say anything untrue.

For an option it picks a plan (pattern, order, cues), which then words all polarities of the three conditions;
for a fact it picks a sentence. Each wording has sentences of its own to pick from, so that no two are alike
as long as there are sentences enough.
``constraint: vocabulary`` lets a larger model write more freely around a forced core.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property

from nastdata.llm.answer_schemas import sentences_schema
from nastdata.llm.prompts import render
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording
from nastdata.seeded import draw_int, shuffle
from nastdata.writing.base import Failure, Writer
from nastdata.writing.grammar.facts import FactGrammar
from nastdata.writing.grammar.options import OptionGrammar
from nastdata.writing.grammar.plans import Plan, draw_plan
from nastdata.writing.language_models.base import ModelWriter, Wanted, describe_fact, name_fact
from nastdata.writing.language_models.questions import Block, Form

PLANS_PER_WORDING = 6
MIXED = ((0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0))
LEAST = 3
"""Sentences that a model picks one from, where the fact has so many: fewer are no choice."""
STATED = re.compile(r"there (?:is|are) (?!evidence)([^,]*)")
"""A sentence whose rest is the bare noun phrase: cue, place, grade and name."""
LEADS = ("a", "the", "this")
ADJECTIVES = ("frontal", "portable")
LINKS = ("shows", "demonstrates", "reveals", "showing", "demonstrating", "with", "has")
SEEN = ("seen", "noted", "evident", "visible", "identified", "demonstrated")
PROMPTS = ("constrained_option", "constrained_fact")
_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")


def write_choices(texts: Sequence[str]) -> str:
    """Return an expression that matches these texts only, in the syntax that Python and Rust share."""
    return "(" + "|".join(_SPECIAL.sub(r"\\\1", t) for t in texts) + ")"


def write_loose(texts: Sequence[str], vocabulary: Sequence[str], cores: int = 8) -> str:
    """Return an expression for a forced core with words of a closed vocabulary around it.

    The core is what says the fact: the noun phrase with its cue, place and grade, or a short clause. A phrase
    follows a subject and a verb ("the frontal chest film shows"); an ending may follow the phrase.

    Args:
        texts: all sentences of one fact.
        vocabulary: what is looked at may be called so.
        cores: how many of the shortest clauses may be the core.
    """
    bare = [t[0].lower() + t[1:].rstrip(".") for t in texts]
    phrases = list(dict.fromkeys(m[1] for t in bare if (m := STATED.fullmatch(t))))
    clauses = sorted((t for t in bare if ":" not in t), key=lambda t: (len(t.split()), t))[:cores]
    nouns = write_choices([w for w in vocabulary if w.islower()])
    rest = f"( {write_choices(ADJECTIVES)}| {nouns}){{0,2}} {nouns}"
    thing = write_choices(LEADS) + rest
    said = [write_choices([t[0].upper() + t[1:] for t in clauses]), f"On {thing}, {write_choices(clauses)}"]
    if phrases:
        links, seen = write_choices(LINKS), write_choices(SEEN)
        opening = write_choices([w.capitalize() for w in LEADS])
        said.append(
            f"({opening}{rest} {links}|There (is|are)) {write_choices(phrases)}( {seen}| on {thing})?"
        )
    return f"({'|'.join(said)})\\."


class BoundWriter(ModelWriter):
    """Implements ``Writer`` on a bound model: by expressions in this process, by a schema on a server.

    Arguments as of ``ModelWriter``. A schema names the sentences that may be picked, one pick a question.
    """

    prompts = PROMPTS

    def most_per_call(self) -> int:
        """See ``ModelWriter``."""
        return self.settings.batch_size if self.settings.realizer == "local" else 1

    @cached_property
    def _options(self) -> OptionGrammar:
        return OptionGrammar(self.ontology)

    @cached_property
    def _facts(self) -> FactGrammar:
        return FactGrammar(self.ontology)

    # -- options ------------------------------------------------------------------------------------------

    def write_options(self, wanted: Sequence[Wanted]) -> list[OptionWording | Failure]:
        """Word options: the model picks the plan of each (conditions, index)."""
        self._statements += len(set(wanted))
        blocks = self._plan_options(wanted)
        self.asker.solve([block for block, _ in blocks.values()])
        by = self.sign("constrained_option")
        out: list[OptionWording | Failure] = []
        for statement, index in wanted:
            block, plans = blocks[statement.conditions, index // self.per_call]
            i = index % self.per_call
            text = block.texts[i]
            wording = None
            reason, last = block.reasons[i], block.last[i]
            if text is not None:
                plan = plans[i][text]
                texts = self._options.word(plan, statement.conditions, statement.labels, statement.phrases)
                wording = OptionWording(statement, index, plan.plan_id, *texts, by)
                if fault := self.checks.option(wording):
                    wording, reason, last = None, fault, texts[0]
            said = last or block.said[i]
            out.append(
                wording or self.give_up(statement, index, reason, last, said, self.fallback.write_options)
            )
        return out

    def _plan_options(
        self, wanted: Sequence[Wanted]
    ) -> dict[tuple[tuple[str, str, str], int], tuple[Block, list[dict[str, Plan]]]]:
        """Return blocks by (conditions, number), each with its plans by the text that they make."""
        blocks: dict[tuple[tuple[str, str, str], int], tuple[Block, list[dict[str, Plan]]]] = {}
        for statement, index in wanted:
            conditions, number = statement.conditions, index // self.per_call
            if (conditions, number) in blocks:
                continue
            # The plan is picked on a statement that hangs on conditions and number, never on a label.
            labels = MIXED[draw_int(self.seed, "shown", *conditions, number) % len(MIXED)]
            plans: list[dict[str, Plan]] = []
            for i in range(number * self.per_call, (number + 1) * self.per_call):
                numbers = range(i * PLANS_PER_WORDING, (i + 1) * PLANS_PER_WORDING)
                drawn = [draw_plan(self.seed, conditions, n) for n in numbers]
                plans.append({self._options.word(p, conditions, labels)[0]: p for p in drawn})
            findings = [
                {"text": self.ontology.condition_by_name[c].text, "state": "present" if x else "absent"}
                for c, x in zip(conditions, labels, strict=True)
            ]
            prompt = render("constrained_option", subject=self.ontology.subject.text, findings=findings)
            shown = OptionStatement(conditions, labels)
            name = ("plan", *conditions, self.per_call, number)
            block = Block(name, prompt, [self._judge_plan(shown)] * len(plans))
            block.form = self._bind(block, [list(p) for p in plans])
            blocks[conditions, number] = block, plans
        return blocks

    def _judge_plan(self, shown: OptionStatement) -> Callable[[str], str | None]:
        return lambda text: self.checks.negated(shown, text)

    # -- facts --------------------------------------------------------------------------------------------

    def write_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[FactWording | Failure]:
        """Word facts: the model picks a sentence for each (fact, index)."""
        self._statements += len(set(wanted))
        blocks = self._plan_facts(wanted)
        self.asker.solve([block for block, _ in blocks.values()])
        by = self.sign("constrained_fact")
        out: list[FactWording | Failure] = []
        for fact, index in wanted:
            block, plans = blocks[fact, index // self.per_call]
            i = index % self.per_call
            text = block.texts[i]
            if text is None:
                last = block.last[i]
                said = last or block.said[i]
                out.append(self.give_up(fact, index, block.reasons[i], last, said, self.fallback.write_facts))
            else:
                out.append(FactWording(fact, index, plans.get(text, f"llm.{block.keys[i][:16]}"), text, by))
        return out

    def _plan_facts(
        self, wanted: Sequence[tuple[Fact, int]]
    ) -> dict[tuple[Fact, int], tuple[Block, dict[str, str]]]:
        """Return blocks by (fact, number), each with plan ids by text."""
        blocks: dict[tuple[Fact, int], tuple[Block, dict[str, str]]] = {}
        for fact, index in wanted:
            number = index // self.per_call
            if (fact, number) in blocks:
                continue
            about = name_fact(fact)
            plans = {s.text: s.plan_id for s in self._facts.list_sentences(fact)}
            texts = shuffle(sorted(plans), self.seed, "sentences", *about)
            first = number * self.per_call
            shares = min(self.settings.wordings, max(1, len(texts) // LEAST))
            picks = [texts[i % shares :: shares] for i in range(first, first + self.per_call)]
            described = describe_fact(fact, self.ontology)
            prompt = render("constrained_fact", subject=self.ontology.subject.text, fact=described)
            judge = self._judge_fact(fact)
            block = Block(("fact", *about, self.per_call, number), prompt, [judge] * self.per_call)
            block.form = self._bind(block, picks, texts)
            blocks[fact, number] = block, plans
        return blocks

    def _judge_fact(self, fact: Fact) -> Callable[[str], str | None]:
        return lambda text: self.checks.fact(FactWording(fact, 0, "", text, self.name))

    # -- both ---------------------------------------------------------------------------------------------

    def _bind(self, block: Block, picks: Sequence[list[str]], texts: Sequence[str] = ()) -> Form:
        """Return the form of a block's questions.

        Args:
            block: whose open sentences are asked for.
            picks: of each sentence the texts that it may be.
            texts: all texts of the grammar, where the looser constraint may take their place.
        """
        if self.settings.realizer != "local":
            return lambda _: sentences_schema(len(block.open), picks[block.open[0]])
        if texts and self.settings.constraint == "vocabulary":
            loose = write_loose(texts, self.ontology.vocabulary)
            return lambda n: {"regexes": [loose] * n}
        return lambda _: {"regexes": [write_choices(picks[i]) for i in block.open]}

    def list_questions(self, options: Sequence[Wanted], template: Writer) -> list[Block]:
        """Return the questions for options."""
        return [block for block, _ in self._plan_options(options).values()]

    def list_fact_questions(self, facts: Sequence[tuple[Fact, int]]) -> list[Block]:
        """Return the questions for facts."""
        return [block for block, _ in self._plan_facts(facts).values()]
