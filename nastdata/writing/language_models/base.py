"""What all writers share that put questions to a model: the asker, giving up in good order, the account."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from nastdata.llm.base import Adapter
from nastdata.llm.cache import AnswerCache
from nastdata.llm.ledger import account_texts
from nastdata.llm.prompts import describe_prompt
from nastdata.ontology import Ontology
from nastdata.recipe import WriterSettings
from nastdata.records import Fact, OptionStatement
from nastdata.writing.base import Checks, Failure, Writer
from nastdata.writing.language_models.questions import Asker

Wanted = tuple[OptionStatement, int]


class ModelWriter:
    """The part of a ``Writer`` that does not hang on how a model is asked.

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
    prompts: ClassVar[tuple[str, ...]] = ()
    """Names of the prompts that it may use, for the manifest."""

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
        self.settings, self.ontology, self.seed = settings, ontology, seed
        self.checks, self.fallback = checks, fallback
        self.asker = Asker(adapter, settings, seed, cache, fresh)
        self.name = f"{adapter.provider}:{adapter.model}"
        self.per_call = 1 if settings.per_item else min(self.most_per_call(), settings.wordings)
        self.failed: Counter[str] = Counter()
        """Reason -> wordings that the model could not give."""
        self.examples: dict[str, str | None] = {}
        """Reason -> what the model said the first time."""
        self._statements = 0

    def most_per_call(self) -> int:
        """Return how many wordings one question may ask for."""
        return 1

    def account(self) -> dict[str, Any]:
        """Return the manifest's ledger: of the answers that the texts were made from."""
        refused: Counter[str] = Counter()
        for reason, n in self.asker.refused.items():
            refused[_shorten(reason)] += n
        return {
            **account_texts(self.asker.used.values(), self._statements, self.settings.prices),
            "answers_sha256": self.asker.cache.note_answers(self.asker.used),
            "refused_and_asked_again": dict(sorted(refused.items())),
            "not_worded_by_the_model": dict(sorted(self.failed.items())),
            "fallback": self.describe_fallback(),
            "on_failure": self.settings.on_failure,
            "prompts": {
                p: dict(zip(("version", "sha256"), describe_prompt(p), strict=True)) for p in self.prompts
            },
        }

    def describe_fallback(self) -> dict[str, Any]:
        """Return the share of wordings that the model could not give, and the commonest reason."""
        share = self.failed.total() / self._statements if self._statements else 0.0
        reason = min(self.failed, key=lambda r: (-self.failed[r], r), default=None)
        return {
            "share": round(share, 4),
            "most": self.settings.max_fallback,
            "commonest_reason": reason,
            "example": self.examples.get(reason) if reason else None,
        }

    def close_run(self) -> str:
        """Keep what this run did in the cache's ``runs`` table; return it in one line.

        After a run that fell back too often its unusable answers are no answers: the next one asks again.
        """
        fallback = self.describe_fallback()
        if fallback["share"] > fallback["most"]:
            self.asker.cache.forget_unusable(self.asker.used)
        self.asker.cache.log_run({"writer": self.name, **self.asker.run.to_json()})
        return f"{self.name}: {self.asker.run.tell()}"

    def sign(self, *prompts: str) -> str:
        """Return what rows name as their writer: provider, model, and hashes of the prompts."""
        return f"{self.name}#{'+'.join(describe_prompt(p)[1][:8] for p in prompts)}"

    def give_up(
        self,
        statement: Any,
        index: int,
        reason: str,
        text: str | None,
        said: str | None,
        write: Callable[[Sequence[Any]], list[Any]],
    ) -> Any:
        """Count a statement that the model could not word; let the fallback word it, or return a failure.

        Args:
            statement: what was to be said.
            index: number of the wording.
            reason: against the last answer.
            text: the last sentence that was refused, if there was one.
            said: the last answer as it came.
            write: of the fallback.
        """
        self.failed[_shorten(reason)] += 1
        self.examples.setdefault(_shorten(reason), said[:300] if said else said)
        if self.settings.on_failure == "template":
            return write([(statement, index)])[0]
        return Failure(statement, index, reason, text)


def name_fact(fact: Fact) -> tuple[str, ...]:
    """Return a fact's values as the draws about it are named."""
    parts = (fact.condition, fact.existence, fact.location, fact.severity, fact.denies)
    return tuple(str(v) for v in (*parts, *((fact.qualifier,) if fact.qualifier else ())))


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
        "text": " ".join(w for w in (fact.qualifier, ontology.condition_by_name[fact.condition].text) if w),
        "statement": statement,
        "location": place,
        "severity": fact.severity,
    }


def _shorten(reason: str) -> str:
    """Leave out the words that are to blame, so that alike reasons count as one."""
    return re.sub(r"\s*\(?(?<!\w)(['\"]).*?\1(?!\w)\)?", "", reason)
