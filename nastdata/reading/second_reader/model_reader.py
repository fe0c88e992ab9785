"""Reads reports with a language model, through the adapters, the cache and the ledger of the writers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from nastdata.errors import UserError
from nastdata.llm.base import Adapter, Request
from nastdata.llm.cache import AnswerCache, find_cache
from nastdata.llm.ledger import account_texts
from nastdata.llm.prompts import describe_prompt
from nastdata.ontology import Ontology
from nastdata.reading.parse import Reading
from nastdata.reading.second_reader.ask import Conversation
from nastdata.reading.second_reader.questions import BOUND_PROMPT, PROMPT, Questions
from nastdata.recipe import SecondReaderSettings
from nastdata.records import ParsedFact, Unread
from nastdata.seeded import draw_int

_WEIGHT = {1: 2, -1: 1, 0: 0}
_LABEL = {"present": 1, "uncertain": -1, "absent": 0}


class ModelReader:
    """A language model that reads reports into the ontology's facts.

    Args:
        settings: Which model, where, and how much it may cost.
        ontology: Whose findings are asked for.
        seed: Of the recipe.
        fresh: Ask again even if there is an answer.
        adapter: Used instead of the one that the settings name (tests).

    Raises:
        UserError: if the model, its package or the key of its server is missing.
    """

    def __init__(
        self,
        settings: SecondReaderSettings,
        ontology: Ontology,
        *,
        seed: int = 0,
        fresh: bool = False,
        adapter: Adapter | None = None,
    ) -> None:
        self.settings, self.ontology, self.seed = settings, ontology, seed
        self.questions = Questions(ontology)
        with _name_settings():
            self.adapter = adapter or _make_adapter(settings)
        self.name = f"{self.adapter.provider}:{self.adapter.model}"
        self.counts: Counter[str] = Counter()
        self._bound = settings.provider == "local"
        self._cache = AnswerCache(find_cache(settings.cache))
        self._talk = Conversation(
            self.adapter,
            self._cache,
            attempts=settings.max_attempts,
            stop_after=settings.stop_after,
            fresh=fresh,
        )
        self._read: dict[str, Reading] = {}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Read reports, each distinct one once.

        A report without a usable answer is unread as a whole, with the reason.

        Raises:
            UserError: if the budget is reached, no server answers, or no answer is usable.
        """
        todo = [t for t in dict.fromkeys(texts) if t not in self._read]
        blank = [t for t in todo if not t.strip()]
        todo = [t for t in todo if t.strip()]
        with _name_settings():
            answers = self._talk.solve([partial(self._ask, t) for t in todo])
        for text, answer in zip(todo, answers, strict=True):
            if isinstance(answer, str):
                self.counts["reports without a usable answer"] += 1
                self._read[text] = _make_reading(text, (), (Unread(0, len(text), text, answer),))
            else:
                facts = self.questions.read_answer(answer.text, text, self.counts)
                self._read[text] = _make_reading(text, facts, ())
        self._read.update((t, _make_reading(t, (), ())) for t in blank)
        return [self._read[t] for t in texts]

    def account(self) -> dict[str, Any]:
        """Return the manifest's ledger of the answers that were used."""
        prompt = BOUND_PROMPT if self._bound else PROMPT
        return {
            "model": self.name,
            **account_texts(self._talk.used.values(), len(self._read), self.settings.prices),
            "answers_sha256": self._cache.note_answers(self._talk.used),
            "not_used": dict(sorted(self.counts.items())),
            "prompts": {prompt: dict(zip(("version", "sha256"), describe_prompt(prompt), strict=True))},
        }

    def close_run(self) -> str:
        """Keep what this run did beside the answers; return it in one line."""
        self._cache.log_run({"reader": self.name, **self._talk.run.to_json()})
        return f"{self.name}: {self._talk.run.tell()}"

    def _ask(self, text: str, attempt: int) -> Request:
        s, a = self.settings, self.adapter
        sampling = {
            "max_tokens": s.max_tokens,
            "seed": draw_int(s.seed if s.seed is not None else self.seed, "reading", text, attempt) % 2**31,
            "temperature": s.temperature,
            "top_p": 1.0,
        }
        return Request(
            a.provider,
            a.model,
            a.revision,
            self.questions.write_messages(text, bound=self._bound),
            self.questions.write_form(text, bound=self._bound),
            tuple(sorted(sampling.items())),
            attempt,
            a.endpoint,
        )


def _make_adapter(settings: SecondReaderSettings) -> Adapter:
    if settings.provider == "local":
        from nastdata.llm.local.model import LocalAdapter

        return LocalAdapter(settings.as_writer())
    from nastdata.llm.openai_client import OpenAIAdapter

    return OpenAIAdapter(settings.as_writer())


def _make_reading(text: str, facts: tuple[ParsedFact, ...], unread: tuple[Unread, ...]) -> Reading:
    labels: dict[str, int] = {}
    for f in facts:
        label = _LABEL[f.fact.existence]
        known = labels.get(f.fact.condition)
        if known is None or _WEIGHT[label] > _WEIGHT[known]:
            labels[f.fact.condition] = label
    return Reading(text, labels, facts, (), (), (), unread)


@contextmanager
def _name_settings() -> Iterator[None]:
    """Name the reader's settings in messages of the adapters, which know the writer's."""
    try:
        yield
    except UserError as e:
        where, how = (None if x is None else _rename(x) for x in (e.where, e.how))
        raise UserError(_rename(e.what), where=where, how=how) from e


def _rename(said: str) -> str:
    return said.replace("writer.", "second_reader.").replace("openai writer", "second reader")
