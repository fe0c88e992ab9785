"""A local model on every worker of an engine: the questions travel, the answers are kept here.

Each question has a seed of its own and is answered alone, so that it does not matter which worker gets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nastdata.engines.base import Engine
from nastdata.errors import UserError
from nastdata.llm.base import BUDGET, Adapter, Answer, CallFailure, Keep, Reply, Request, converse_in_rounds
from nastdata.llm.local.model import LocalAdapter
from nastdata.recipe import WriterSettings

AT_A_TIME = 2
"""Questions for each core that are sent off together; so many answers a kill may lose."""


def spread(adapter: LocalAdapter, engine: Engine) -> Adapter:
    """Return an adapter that asks the model on the engine's workers, if these are apart from this process."""
    return SpreadAdapter(adapter, engine) if engine.apart else adapter


class SpreadAdapter:
    """Implements ``Adapter`` (``llm.base``) by the workers of an engine.

    Args:
        adapter: of the model, here; it is never loaded.
        engine: where it is asked.
    """

    def __init__(self, adapter: LocalAdapter, engine: Engine) -> None:
        self.engine = engine
        self.most = adapter.settings.max_calls
        self.provider, self.model, self.revision = adapter.provider, adapter.model, adapter.revision
        self._answer = Answering(adapter.settings, adapter.revision)

    endpoint = ""

    def converse(self, requests: Iterable[Request], keep: Keep, reply: Reply) -> None:
        """Answer requests and what follows from the answers, round by round."""
        converse_in_rounds(self, requests, keep, reply)

    def complete(self, requests: Sequence[Request], keep: Keep) -> list[Answer | CallFailure]:
        """Answer requests on the workers, some at a time, and keep each answer as it comes back."""
        ask = requests if self.most is None else requests[: self.most]
        out: list[Answer | CallFailure] = []
        step = max(1, self.engine.cores * AT_A_TIME)
        for start in range(0, len(ask), step):
            some = ask[start : start + step]
            for request, answer in zip(some, self.engine.map(self._answer, some, None), strict=True):
                keep(request, answer)
                out.append(answer)
        return out + [BUDGET] * (len(requests) - len(ask))


class Answering:
    """What travels to a worker: which model to ask. It is loaded there once, with the first question.

    Args:
        settings: of the recipe's writer.
        revision: hash of the weights here; a worker that finds others refuses.
    """

    def __init__(self, settings: WriterSettings, revision: str | None) -> None:
        self.settings = settings.model_copy(update={"max_calls": None})
        self.revision = revision
        self._adapter: LocalAdapter | None = None

    def __reduce__(self) -> tuple[type[Answering], tuple[WriterSettings, str | None]]:
        """Travel without the model."""
        return type(self), (self.settings, self.revision)

    def __call__(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer requests one after the other.

        Raises:
            UserError: if the model is not there, or is another one.
        """
        if self._adapter is None:
            adapter = LocalAdapter(self.settings)
            if adapter.revision != self.revision:
                raise UserError(
                    f"a worker has other weights ({adapter.revision}, here {self.revision})",
                    where=f"writer.model {adapter.path}",
                    how="put the same model in the same place on every node",
                )
            self._adapter = adapter
        answers: list[Answer] = []
        self._adapter.complete(requests, lambda _, answer: answers.append(answer))
        return answers
