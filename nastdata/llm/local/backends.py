"""Where a local model runs: transformers (folders and GGUF files) or llama.cpp (GGUF files).

Both are driven by outlines with a ``Binding``, which uses llguidance. What prompts share, the opening of the
chat and the first line of the question, is evaluated once and kept. Where that ends hangs on the prompt, so
that an answer is the same whatever was asked before it.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from nastdata.errors import UserError
from nastdata.llm.local.binding import Binding

Messages = Sequence[tuple[str, str]]
Generated = tuple[str, int]
"""A text and the number of tokens that the model chose."""


class Backend(Protocol):
    """Generates one text for each regular expression, bound to it."""

    def generate(
        self, messages: Messages, regexes: Sequence[str], sampling: dict[str, Any]
    ) -> list[Generated]:
        """Answer one chat several times, each time bound to an expression of its own."""
        ...

    def count(self, messages: Messages) -> int:
        """Return the number of tokens of a chat."""
        ...


def import_outlines() -> Any:
    """Return outlines.

    Raises:
        UserError: if it or llguidance, which binds the words, isn't installed.
    """
    try:
        import llguidance  # noqa: F401
        import outlines
    except ImportError as e:
        how = "pip install 'nastdata[local]'"
        raise UserError(f"the local writer needs {e.name}", where="writer.realizer", how=how) from None
    return outlines


@contextlib.contextmanager
def remember_reads() -> Iterator[None]:
    """Let transformers parse a GGUF file once: by itself it does so three times, and its names 400 times."""
    try:
        import gguf
    except ImportError:
        how = "pip install gguf"
        raise UserError("transformers needs gguf to read GGUF files", where="writer.model", how=how) from None
    names = ("GGUFReader", "get_tensor_name_map")
    kept = {name: getattr(gguf, name) for name in names}
    try:
        for name, make in kept.items():
            setattr(gguf, name, lru_cache(maxsize=4)(make))
        yield
    finally:
        for name, make in kept.items():
            setattr(gguf, name, make)


class TransformersBackend:
    """A causal language model of transformers, in 32-bit floats on the CPU, else as its config says."""

    def __init__(self, path: Path | str) -> None:
        self._outlines = import_outlines()
        import llguidance.hf
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self._torch, self._caches = torch, transformers.cache_utils
        given: dict[str, Any] = {}
        where = str(path)
        if isinstance(path, Path) and path.suffix == ".gguf":
            where, given = str(path.parent), {"gguf_file": path.name}
        cuda = torch.cuda.is_available()
        dtype: Any = "auto" if cuda else torch.float32
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            # Deprecations and progress bars of the libraries, which the user can do nothing about.
            warnings.simplefilter("ignore")
            try:
                with remember_reads() if given else contextlib.nullcontext():
                    self.tokenizer = transformers.AutoTokenizer.from_pretrained(where, **given)
                    model = transformers.AutoModelForCausalLM.from_pretrained(where, dtype=dtype, **given)
            except (OSError, ValueError, KeyError, ImportError) as e:
                raise UserError(
                    f"not a model that transformers can load ({str(e).splitlines()[0]})",
                    where=str(path),
                    how="--set writer.model=FOLDER or FILE.gguf",
                ) from e
            if self.tokenizer.pad_token is None:
                self.tokenizer.pad_token = self.tokenizer.eos_token
            self._model = model.to("cuda" if cuda else "cpu").eval()
            self._steered = self._outlines.from_transformers(self._model, self.tokenizer)
            self._words = llguidance.hf.from_tokenizer(self.tokenizer)
        self._heads: dict[tuple[int, ...], Any] = {}

    def generate(
        self, messages: Messages, regexes: Sequence[str], sampling: dict[str, Any]
    ) -> list[Generated]:
        """Answer in one batch; equal prompts need no padding, so that rows do not disturb one another."""
        binding = Binding(self._words, regexes)
        if binding.settled:
            return [(tail or "", 0) for tail in binding.tails]
        hot = sampling["temperature"] > 0
        heat = {"temperature": sampling["temperature"], "top_p": sampling["top_p"]} if hot else {}
        with (
            self._torch.inference_mode(),
            self._torch.random.fork_rng(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            self._torch.manual_seed(sampling["seed"])
            texts = self._outlines.Generator(self._steered, processor=binding).batch(
                [self._phrase(messages)] * len(regexes),
                past_key_values=self._read(messages, len(regexes)),
                max_new_tokens=sampling["max_tokens"],
                do_sample=hot,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.tokenizer.pad_token_id,
                **heat,
            )
        return [
            (text + (tail or ""), len(self._tokenize(text)))
            for text, tail in zip(texts, binding.tails, strict=True)
        ]

    def count(self, messages: Messages) -> int:
        """Return the number of tokens of a chat."""
        return len(self._tokenize(self._write(messages), special=True))

    def _read(self, messages: Messages, rows: int) -> Any:
        """Return the key-value cache of a chat up to its last token, for a batch of equal rows."""
        text = self._write(messages)
        ids = self._tokenize(text, special=True)
        head = tuple(ids[: share_start(ids, self._tokenize(cut_head(text, messages), special=True))])
        if head not in self._heads:
            self._heads[head] = self._advance(self._caches.DynamicCache(config=self._model.config), head)
        cache = self._advance(copy.deepcopy(self._heads[head]), ids[len(head) : -1])
        if len(ids) > 1:
            cache.batch_repeat_interleave(rows)
        return cache

    def _advance(self, cache: Any, ids: Sequence[int]) -> Any:
        if ids:
            tokens = self._torch.tensor([list(ids)], device=self._model.device)
            self._model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache

    def _phrase(self, messages: Messages) -> Any:
        """Return a chat as outlines takes it, which applies the template of a model that has one."""
        if self.tokenizer.chat_template is None:
            return self._write(messages)
        return self._outlines.inputs.Chat(_list_messages(messages))

    def _write(self, messages: Messages) -> str:
        if self.tokenizer.chat_template is None:
            return "\n".join(c for _, c in messages) + "\n"
        text: str = self.tokenizer.apply_chat_template(
            _list_messages(messages), tokenize=False, add_generation_prompt=True
        )
        return text

    def _tokenize(self, text: str, *, special: bool = False) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=special)["input_ids"]
        return ids


class LlamaCppBackend:
    """A GGUF file in llama.cpp."""

    def __init__(self, path: Path | str) -> None:
        self._outlines = import_outlines()
        try:
            import llama_cpp
            import llguidance.llamacpp
            from llama_cpp.llama_chat_format import Jinja2ChatFormatter
        except ImportError:
            how = "pip install 'nastdata[llamacpp]'"
            raise UserError(
                "the llama.cpp back end needs llama-cpp-python", where="writer.backend", how=how
            ) from None
        if not Path(path).is_file():
            raise UserError("llama.cpp reads GGUF files", where=str(path), how="--set writer.model=FILE.gguf")
        # Its threads wait for one another in a busy loop: one too many on a busy machine is ten times slower.
        threads = int(os.environ.get("OMP_NUM_THREADS") or max((os.cpu_count() or 1) // 2, 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations between outlines and llama.cpp
            try:
                self._llama = llama_cpp.Llama(
                    model_path=str(path),
                    verbose=False,
                    n_ctx=4096,
                    n_threads=threads,
                    n_threads_batch=threads,
                )
            except ValueError as e:
                raise UserError(f"not a model that llama.cpp can load ({e})", where=str(path)) from e
            self._steered = self._outlines.from_llamacpp(self._llama, chat_mode=False)
            vocabulary = llama_cpp.llama_model_get_vocab(self._llama.model)
            self._words = llguidance.llamacpp.lltokenizer_from_vocab(vocabulary)
        template = self._llama.metadata.get("tokenizer.chat_template")
        self._template = template and Jinja2ChatFormatter(template=template, eos_token="", bos_token="")
        self._marks_start = self._llama.metadata.get("tokenizer.ggml.add_bos_token") == "true"
        self._head: list[int] = []

    def generate(
        self, messages: Messages, regexes: Sequence[str], sampling: dict[str, Any]
    ) -> list[Generated]:
        """Answer one after the other; the question is evaluated once."""
        text = self._write(messages)
        read = 0
        out = []
        for i, regex in enumerate(regexes):
            binding = Binding(self._words, [regex])
            if binding.settled:
                out.append((binding.tails[0] or "", 0))
                continue
            read = read or self._read_head(text, messages)
            self._llama.n_tokens = read  # outlines sets it to 0; what is evaluated up to there still stands
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                said = self._outlines.Generator(self._steered, processor=binding)(
                    text,
                    max_tokens=sampling["max_tokens"],
                    temperature=sampling["temperature"],
                    top_p=sampling["top_p"],
                    seed=(sampling["seed"] + i) % 2**31,
                )
            read = binding.prompt_tokens - 1  # the last one again: its logits are gone
            tokens = self._llama.tokenize(said.encode(), add_bos=False)
            out.append((said + (binding.tails[0] or ""), len(tokens)))
        return out

    def count(self, messages: Messages) -> int:
        """Return the number of tokens of a chat."""
        return len(self._tokenize(self._write(messages)))

    def write_freely(self, messages: Messages, sampling: dict[str, Any]) -> str:
        """Answer a chat without any binding (to compare with)."""
        text = self._write(messages)
        self._llama.n_tokens = self._read_head(text, messages)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said: str = self._steered.generate(text, **sampling)
        return said

    def _read_head(self, text: str, messages: Messages) -> int:
        """Evaluate what this prompt shares with others, if it is not still there; return its length."""
        ids = self._tokenize(text)
        head = ids[: share_start(ids, self._tokenize(cut_head(text, messages)))]
        if head != self._head:
            self._llama.reset()
            self._llama.eval(head)
            self._head = head
        return len(head)

    def _write(self, messages: Messages) -> str:
        if not self._template:
            return "\n".join(c for _, c in messages) + "\n"
        prompt: str = self._template(messages=_list_messages(messages)).prompt
        return prompt

    def _tokenize(self, text: str) -> list[int]:
        ids: list[int] = self._llama.tokenize(text.encode(), add_bos=self._marks_start, special=True)
        return ids


def cut_head(text: str, messages: Messages) -> str:
    """Return the part of a chat's text that its like share: up to the end of the question's first line."""
    first, line_break, _ = messages[-1][1].partition("\n")
    found = text.rfind(first + line_break)
    return text[: max(found, 0) + (len(first) if found >= 0 and line_break else 0)]


def share_start(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many tokens two lists have in common at their start, leaving one of ``a`` at least."""
    n = 0
    while n < min(len(a) - 1, len(b)) and a[n] == b[n]:
        n += 1
    return n


def _list_messages(messages: Messages) -> list[dict[str, str]]:
    return [{"role": r, "content": c} for r, c in messages]
