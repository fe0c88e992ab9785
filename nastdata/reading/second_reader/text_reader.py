"""Reports read by rules, by a language model, or by both: what a source or a command asks to read its texts.

reader = TextReader(ontology)                                     # rules
reader = TextReader(ontology, "both", ModelReader(settings, ontology))
readings = reader.read(["No pneumothorax."])
reader.account()                                                  # for the manifest
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nastdata.errors import UserError
from nastdata.llm.terms_gate import find_reach
from nastdata.ontology import Ontology
from nastdata.reading.api import parse
from nastdata.reading.parse import Reading
from nastdata.reading.second_reader.agreement import Agreement
from nastdata.reading.second_reader.model_reader import ModelReader
from nastdata.recipe import ReaderKind, SecondReaderSettings


class TextReader:
    """Reads reports in one of three ways.

    Args:
        ontology: Whose findings are wanted.
        kind: ``rules``, ``model``, or ``both``: then a fact enters only if the two agree.
        model: The model, unless ``rules`` alone read.
        language: Of the texts; None: found out.
    """

    def __init__(
        self,
        ontology: Ontology,
        kind: ReaderKind = "rules",
        model: ModelReader | None = None,
        *,
        language: str | None = None,
    ) -> None:
        if (kind == "rules") != (model is None):
            raise ValueError(f"reader '{kind}' {'takes no' if model else 'needs a'} model")
        self.ontology, self.kind, self.model, self.language = ontology, kind, model, language
        self.agreement = Agreement()

    def read(
        self, texts: Sequence[str], *, report: bool = True, language: str | None = None
    ) -> list[Reading]:
        """Read texts, in their order; a model is asked about each distinct one once.

        Args:
            texts: Reports, or sentences.
            report: As of ``nastdata.parse``; the rules' only.
            language: Of these texts, instead of the reader's.

        Raises:
            UserError: if the model can't be asked.
        """
        if self.kind == "model":
            assert self.model is not None
            return self.model.read(texts)
        used = language or self.language
        ours = [parse(t, report, ontology=self.ontology, language=used) for t in texts]
        if self.model is None:
            return ours
        return [self.agreement.join(a, b) for a, b in zip(ours, self.model.read(texts), strict=True)]

    def account(self) -> dict[str, Any]:
        """Return what the manifest keeps: who read, what it cost, and the agreement by condition."""
        out: dict[str, Any] = {"reader": self.kind}
        if self.model is not None:
            out["model"] = self.model.account()
        if self.kind == "both":
            out["agreement"] = self.agreement.account()
        return out

    def describe(self) -> list[str]:
        """Return what a run has to say of its readers, in lines; nothing of rules alone."""
        if self.model is None:
            return []
        table = self.agreement.describe() if self.kind == "both" and self.agreement.labels else []
        return [self.model.close_run(), *table]


def check_text_terms(settings: SecondReaderSettings, restricted: Sequence[str]) -> dict[str, Any]:
    """Refuse to send restricted reports to any server but one on this machine.

    The words of a report say more of a patient than a row of labels does, so that no attestation opens this
    gate, unlike that of the writers.

    Args:
        settings: Of the model that would read.
        restricted: Names of the sources whose terms don't let text leave the machine.

    Returns:
        What was decided, for the manifest.

    Raises:
        UserError: if restricted text would leave this machine.
    """
    reach = find_reach(settings.as_writer()) if settings.provider == "openai" else "none"
    if restricted and reach not in ("none", "loopback"):
        raise UserError(
            f"the terms of {', '.join(restricted)} forbid sending reports to another machine",
            where="second_reader.base_url",
            how="use a server on this machine (--set second_reader.base_url=http://127.0.0.1:PORT/v1), "
            "--set second_reader.provider=local, or --set reader=rules",
        )
    return {"endpoint": reach, "restricted_sources": list(restricted), "reports_sent": reach != "none"}


def make_text_reader(
    kind: ReaderKind,
    settings: SecondReaderSettings,
    ontology: Ontology,
    restricted: Sequence[str],
    *,
    seed: int = 0,
    fresh: bool = False,
    language: str | None = None,
) -> tuple[TextReader, dict[str, Any]]:
    """Return a reader that the terms allow, and what was decided about them.

    Raises:
        UserError: if the terms forbid it, or the model, its package or a key is missing.
    """
    if kind == "rules":
        return TextReader(ontology, language=language), {}
    sent = check_text_terms(settings, restricted)
    model = ModelReader(settings, ontology, seed=seed, fresh=fresh)
    return TextReader(ontology, kind, model, language=language), sent
