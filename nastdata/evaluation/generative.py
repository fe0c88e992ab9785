"""Generative vision-language models on MedNega questions, through an OpenAI-compatible endpoint.

``vlm:MODEL@BASE_URL``; the key comes from ``OPENAI_API_KEY``. Answers are kept on disk before they are used.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from nastdata.errors import UserError
from nastdata.evaluation.outcomes import Outcome
from nastdata.evaluation.run import EvaluateSettings
from nastdata.images.store import ImageKey, ImageStore
from nastdata.llm.chat import DEFAULT_URL
from nastdata.llm.connection import is_loopback
from nastdata.models.base import first_line, need
from nastdata.models.dataset_rows import Data, get_keys
from nastdata.records import LETTERS
from nastdata.sources import get_source, list_sources

ASK = "{question}\n{options}\nAnswer with one letter: A, B, C or D."
LETTER = re.compile(r"\b([A-D])\b")
AT_ONCE = 8


def judge_vlm(spec: str, data: Data, settings: EvaluateSettings, cache: Path | None) -> list[Outcome]:
    """Ask a model every question twice, with negated and with affirmative options.

    An answer without one clear letter counts as wrong; how many there were is the metric ``unclear``.

    Raises:
        UserError: if the terms forbid sending the images there, or the server can't be reached.
    """
    model, _, url = spec.removeprefix("vlm:").partition("@")
    frame = data.rows("mednega", settings.split, settings.limit)
    check_images_may_go(sorted(set(frame["source"])), url or DEFAULT_URL)
    asker = Asker(model, url or DEFAULT_URL, data.store, cache)
    keys = get_keys(frame)
    patients, ids = frame["patient_id"].to_list(), frame["item_id"].to_list()
    out = []
    for kind in ("negated", "affirmative"):
        prompts = [word_question(q, c) for q, c in frame.select("question", f"{kind}_choices").iter_rows()]
        letters = asker.ask(keys, prompts)
        right = np.array([float(x == a) for x, a in zip(letters, frame["answer"], strict=True)])
        out.append(Outcome(f"mcq_{kind}", right, patients, ids, {}))
        unclear = np.array([float(x is None) for x in letters])
        out.append(Outcome(f"unclear_{kind}", unclear, patients, ids, {}))
    return out


def word_question(question: str, choices: Sequence[str]) -> str:
    """Return the text of a question with its four options."""
    options = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, choices, strict=True))
    return ASK.format(question=question, options=options)


def read_letter(answer: str) -> str | None:
    """Return the one letter that an answer names, or None if it names none or several."""
    found = set(LETTER.findall(answer.strip()))
    return found.pop() if len(found) == 1 else None


def check_images_may_go(sources: Sequence[str], url: str) -> None:
    """Refuse to send images of restricted corpora off this machine.

    Raises:
        UserError: naming the corpora.
    """
    known = list_sources()
    held = [s for s in sources if s not in known or not get_source(s).terms.may_leave_machine]
    if held and not is_loopback(url):
        raise UserError(
            f"images of {', '.join(held)} may not leave this machine",
            where=url,
            how="serve the model here (e.g. vLLM) and give http://localhost:PORT/v1",
        )


class Asker:
    """Sends images with questions, several at a time; asks nothing twice."""

    def __init__(self, model: str, url: str, store: ImageStore, cache: Path | None) -> None:
        openai = need("openai", "nastdata[llm]")
        self.model, self.store = model, store
        self.error = openai.OpenAIError
        self.client = openai.OpenAI(
            base_url=url, api_key=os.environ.get("OPENAI_API_KEY", "none"), max_retries=4
        )
        self.path = cache / "vlm-answers.jsonl" if cache else None
        self.known: dict[str, str] = {}
        if self.path and self.path.is_file():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                if line.endswith("}"):
                    kept = json.loads(line)
                    self.known[kept["key"]] = kept["answer"]

    def ask(self, images: Sequence[ImageKey], prompts: Sequence[str]) -> list[str | None]:
        """Return each question's letter, or None."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(self._ask_one, images, prompts))
        return [read_letter(a) for a in answers]

    def _ask_one(self, image: ImageKey, prompt: str) -> str:
        data = self._encode(image)
        key = hashlib.sha256("\x1f".join((self.model, prompt, data)).encode()).hexdigest()
        if key not in self.known:
            content: list[Any] = [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
                {"type": "text", "text": prompt},
            ]
            try:
                done = self.client.chat.completions.create(
                    model=self.model,
                    messages=[{"role": "user", "content": content}],
                    temperature=0,
                    max_tokens=16,
                )
            except self.error as e:
                raise UserError(f"no answer ({first_line(e)})", where=str(self.client.base_url)) from e
            self.known[key] = done.choices[0].message.content or ""
            self._keep(key)
        return self.known[key]

    def _encode(self, image: ImageKey) -> str:
        from nastdata.images.encode import Encoding, encode

        return base64.b64encode(encode(np.asarray(self.store.load(image)), Encoding())).decode()

    def _keep(self, key: str) -> None:
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "answer": self.known[key]}) + "\n")
