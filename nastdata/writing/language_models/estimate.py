"""What a build would ask of a model, without asking: for ``build --dry-run``."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Protocol

from nastdata.llm.base import Request
from nastdata.llm.batch.files import cut_files, write_line
from nastdata.llm.ledger import price
from nastdata.recipe import WriterSettings
from nastdata.records import Fact, FactWording, OptionStatement, OptionWording
from nastdata.writing.base import Failure, Writer
from nastdata.writing.language_models.questions import Asker, Block

CHARACTERS_PER_TOKEN = 4.0
"""Of English, roughly; servers count by their own tokenizers."""
TOKENS_PER_SENTENCE = 24


class Plans(Protocol):
    """A writer that can say what it would ask."""

    name: str
    asker: Asker

    def list_questions(self, options: Sequence[tuple[OptionStatement, int]], template: Writer) -> list[Block]:
        """Return the questions for options; texts that hang on answers are the template's."""
        ...

    def list_fact_questions(self, facts: Sequence[tuple[Fact, int]]) -> list[Block]:
        """Return the questions for facts."""
        ...


class EstimatingWriter:
    """Implements ``Writer``: hands out the template's words and counts first questions.

    Refused texts are not foreseen: a build asks somewhat more often.
    """

    tries_again = False

    def __init__(self, writer: Any, template: Writer, settings: WriterSettings, *, fresh: bool) -> None:
        self.writer: Plans = writer
        self.template, self.settings, self.fresh = template, settings, fresh
        self.name = f"{writer.name} (dry run)"
        self._requests: dict[str, tuple[Request, int]] = {}
        self._rounds: list[list[str]] = []
        """Request keys of the questions that can be put at a time: a rewrite waits for its text."""
        self._statements = 0

    def write_options(self, wanted: Sequence[tuple[OptionStatement, int]]) -> list[OptionWording | Failure]:
        """Count the questions for options."""
        self._count(self.writer.list_questions(wanted, self.template), len(set(wanted)))
        return self.template.write_options(wanted)

    def write_facts(self, wanted: Sequence[tuple[Fact, int]]) -> list[FactWording | Failure]:
        """Count the questions for facts."""
        self._count(self.writer.list_fact_questions(wanted), len(set(wanted)))
        return self.template.write_facts(wanted)

    def _count(self, blocks: Sequence[Block], statements: int) -> None:
        self._statements += statements
        first: list[str] = []
        rewrites: list[str] = []
        for block in blocks:
            request = self.writer.asker.write_request(block, 0)
            self._requests[request.key] = request, len(block.judges)
            (rewrites if block.name[0] == "rewrite" else first).append(request.key)
        self._rounds += [first, rewrites]

    def account(self) -> dict[str, Any]:
        """Return the foreseen calls, tokens and cost, and the batch jobs if the questions go into such."""
        cached = (
            {}
            if self.fresh
            else self.writer.asker.cache.get_many(self._requests, self.writer.asker.adapter.endpoint)
        )
        ask = [r for k, r in self._requests.items() if k not in cached]
        prompt = int(sum(len(c) for r, _ in ask for _, c in r.messages) / CHARACTERS_PER_TOKEN)
        completion = sum(n for _, n in ask) * TOKENS_PER_SENTENCE
        return {
            "calls": len(ask),
            **({"jobs": self._count_jobs(cached)} if self.settings.batch_api else {}),
            "cached_calls": len(cached),
            "statements": self._statements,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "cost": price(prompt, completion, self.settings.prices),
        }

    def _count_jobs(self, cached: Container[str]) -> int:
        """Return how many batch jobs the first questions make, round by round."""
        jobs = 0
        for keys in self._rounds:
            ask = [self._requests[k][0] for k in dict.fromkeys(keys) if k not in cached]
            sizes = [len(write_line(request, "json_schema")) for request in ask]
            jobs += len(cut_files(sizes, self.settings.batch_requests))
        return jobs

    def close_run(self) -> None:
        """Nothing was asked."""
        return
