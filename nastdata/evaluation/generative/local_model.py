"""A vision-language model in this process, through transformers: ``vlm-local:FOLDER``."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from nastdata.errors import UserError
from nastdata.evaluation.generative.images import Encoder
from nastdata.evaluation.generative.models import choose_by_logprobs, describe_messages
from nastdata.evaluation.generative.questions import Asked
from nastdata.evaluation.generative.settings import VisionSettings
from nastdata.llm.answers.reader import LETTERS
from nastdata.llm.base import Answer, CallFailure
from nastdata.models.base import first_line, need

CHUNK = 1 << 22


class LocalModel:
    """An image-text-to-text model of transformers, asked one question at a time, greedily.

    Args:
        spec: ``vlm-local:FOLDER``, or a model's name on the Hub.
        settings: how to ask.
        images: the images.
        device: cpu, cuda, ...

    Raises:
        UserError: if it can't be loaded, or has no chat template.
    """

    def __init__(self, spec: str, settings: VisionSettings, images: Encoder, device: str = "cpu") -> None:
        import torch

        transformers = need("transformers", "'nastdata[train]'")
        self.model = spec.removeprefix("vlm-local:")
        self._torch, self._settings, self._images, self._device = torch, settings, images, device
        try:
            self._processor = transformers.AutoProcessor.from_pretrained(self.model)
            self._model = transformers.AutoModelForImageTextToText.from_pretrained(self.model, dtype="auto")
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as e:
            raise UserError(f"the model can't be loaded ({first_line(e)})", where=spec) from e
        if not getattr(self._processor, "chat_template", None):
            raise UserError(
                "the model's processor has no chat template, so nobody knows how to ask it",
                where=spec,
                how="put the model's chat_template.jinja into the folder",
            )
        self._model.eval().to(device)
        self.identity = f"local {_hash_model(self._model)}"
        self.at_once = 1
        self.notes: list[str] = []

    def answer(self, asked: Asked) -> Answer | CallFailure:
        """See ``VisionModel``."""
        torch, start = self._torch, time.monotonic()
        content: list[dict[str, Any]] = []
        for image in asked.images:
            content.append({"type": "image", "image": self._images.load(image).convert("RGB")})
        content.append({"type": "text", "text": asked.prompt})
        try:
            inputs = self._processor.apply_chat_template(
                describe_messages(self._settings.system, content),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self._device)
        except (ValueError, TypeError, KeyError) as e:
            where = f"vlm-local:{self.model}"
            raise UserError(
                f"the model's template does not take our question ({first_line(e)})", where=where
            ) from e
        length = int(inputs["input_ids"].shape[1])
        with torch.no_grad():
            if self._settings.choice == "logprobs":
                logits = self._model(**inputs).logits[0, -1].float()
                text, made, outcome = self._choose(logits.log_softmax(-1), len(asked.options)), 1, "ok"
            else:
                out = self._model.generate(
                    **inputs, max_new_tokens=self._settings.max_tokens, do_sample=False, num_beams=1
                )[0, length:]
                text, made = self._decode(out), len(out)
                ended = made < self._settings.max_tokens or int(out[-1]) in self._ends()
                outcome = "ok" if ended else "truncated"
        return Answer(
            text=text,
            outcome="ok" if outcome == "ok" else "truncated",
            prompt_tokens=length,
            completion_tokens=int(made),
            seconds=round(time.monotonic() - start, 4),
            model_said=self.model,
        )

    def close(self) -> None:
        """See ``VisionModel``."""

    def _choose(self, logs: Any, options: int) -> str:
        """Return the log-probabilities of the letters, with and without a blank before them."""
        tokenizer = self._processor.tokenizer
        found: dict[int, str] = {}
        for letter in LETTERS[:options]:
            for text in (letter, f" {letter}"):
                ids = tokenizer(text, add_special_tokens=False)["input_ids"]
                if len(ids) == 1 and ids[0] != tokenizer.unk_token_id:
                    found[ids[0]] = letter
        return choose_by_logprobs([(letter, float(logs[i])) for i, letter in found.items()], options)

    def _decode(self, tokens: Any) -> str:
        """Return the text; marks of thinking stay, since the reader needs them."""
        tokenizer = self._processor.tokenizer
        text = str(tokenizer.decode(tokens, skip_special_tokens=False))
        for mark in (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token):
            if mark:
                text = text.replace(mark, "")
        return text.strip()

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set(ends if isinstance(ends, list) else [ends]) | {self._processor.tokenizer.eos_token_id}


def _hash_model(model: Any) -> str:
    """Return a hash of all weights: a tuned model is another one, whatever its folder is called."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        flat = value.detach().cpu().contiguous().reshape(-1).view(_bytes()).numpy()
        for at in range(0, len(flat), CHUNK):
            digest.update(flat[at : at + CHUNK].tobytes())
    return digest.hexdigest()


def _bytes() -> Any:
    import torch

    return torch.uint8
