"""Where a local model runs: transformers (folders and GGUF files) or llama.cpp (GGUF files)."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from nastdata.errors import UserError

Messages = Sequence[tuple[str, str]]
Generated = tuple[str, int]
"""A text and its number of tokens."""


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


def make_guide(model: Any) -> Any:
    """Return outlines' llguidance back end of a model; seconds of work, so made once."""
    from outlines.backends.llguidance import LLGuidanceBackend

    return LLGuidanceBackend(model)


def make_processor(backend: Any, regexes: Sequence[str]) -> Any:
    """Return a logits processor of outlines that binds every row of a batch to an expression of its own."""
    from outlines.backends.llguidance import LLGuidanceLogitsProcessor

    if backend.tensor_library_name == "torch":
        import llguidance.torch

    processor = LLGuidanceLogitsProcessor(
        backend.llg.grammar_from("regex", regexes[0]), backend.llg_tokenizer, backend.tensor_library_name
    )
    set_up = processor._setup

    def set_up_rows(batch_size: int) -> None:
        from llguidance import LLMatcher

        set_up(batch_size)
        if batch_size != len(regexes):
            raise AssertionError(f"{batch_size} rows for {len(regexes)} expressions")
        grammars = [backend.llg.grammar_from("regex", r) for r in regexes]
        processor.ll_matchers = [LLMatcher(backend.llg_tokenizer, g) for g in grammars]
        if backend.tensor_library_name == "torch":
            processor._bias_logits = mask

    def mask(input_ids: Any, logits: Any) -> Any:
        # llguidance's own masking is compiled by torch at first use, which takes a minute on a CPU.
        import numpy as np
        import torch

        for i, matcher in enumerate(processor.ll_matchers):
            llguidance.torch.fill_next_token_bitmask(matcher, processor.bitmask, i)
        bits = np.unpackbits(processor.bitmask.numpy().view(np.uint8), axis=1, bitorder="little")
        allowed = torch.from_numpy(bits[:, : logits.shape[-1]].astype(bool)).to(logits.device)
        masked = torch.full_like(logits, float("-inf"))
        width = allowed.shape[-1]
        masked[:, :width] = logits[:, :width].masked_fill(~allowed, float("-inf"))
        return masked

    processor._setup = set_up_rows
    return processor


class TransformersBackend:
    """A causal language model of transformers, in 32-bit floats on the CPU, else as its config says."""

    def __init__(self, path: Path | str) -> None:
        outlines = import_outlines()
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self._torch = torch
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
            model = model.to("cuda" if cuda else "cpu").eval()
            self.model = outlines.from_transformers(model, self.tokenizer)
            self._guide = make_guide(self.model)
        self._outlines = outlines

    def generate(
        self, messages: Messages, regexes: Sequence[str], sampling: dict[str, Any]
    ) -> list[Generated]:
        """Answer in one batch; equal prompts need no padding, so that rows do not disturb one another."""
        chat = self._outlines.inputs.Chat([{"role": r, "content": c} for r, c in messages])
        generator = self._outlines.Generator(self.model, processor=make_processor(self._guide, regexes))
        hot = sampling["temperature"] > 0
        heat = {"temperature": sampling["temperature"], "top_p": sampling["top_p"]} if hot else {}
        with self._torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._torch.manual_seed(sampling["seed"])
            texts = generator.batch(
                [chat] * len(regexes), max_new_tokens=sampling["max_tokens"], do_sample=hot, **heat
            )
        return [(t, len(self.tokenizer(t, add_special_tokens=False)["input_ids"])) for t in texts]

    def count(self, messages: Messages) -> int:
        """Return the number of tokens of a chat, by words where the model has no chat template."""
        return len(self.tokenizer("\n".join(c for _, c in messages))["input_ids"])


class LlamaCppBackend:
    """A GGUF file in llama.cpp."""

    def __init__(self, path: Path | str) -> None:
        outlines = import_outlines()
        try:
            import llama_cpp
        except ImportError:
            how = "pip install llama-cpp-python"
            raise UserError(
                "the llama.cpp back end needs llama-cpp-python", where="writer.backend", how=how
            ) from None
        if not Path(path).is_file():
            raise UserError("llama.cpp reads GGUF files", where=str(path), how="--set writer.model=FILE.gguf")
        self._outlines = outlines
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations between outlines and llama.cpp
            self._llama = llama_cpp.Llama(model_path=str(path), verbose=False, n_ctx=4096)
            self.model = outlines.from_llamacpp(self._llama)
            self._guide = make_guide(self.model)

    def generate(
        self, messages: Messages, regexes: Sequence[str], sampling: dict[str, Any]
    ) -> list[Generated]:
        """Answer one after the other."""
        chat = self._outlines.inputs.Chat([{"role": r, "content": c} for r, c in messages])
        out = []
        for i, regex in enumerate(regexes):
            generator = self._outlines.Generator(self.model, processor=make_processor(self._guide, [regex]))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                text = generator(
                    chat,
                    max_tokens=sampling["max_tokens"],
                    temperature=sampling["temperature"],
                    top_p=sampling["top_p"],
                    seed=(sampling["seed"] + i) % 2**31,
                )
            out.append((text, len(self._llama.tokenize(text.encode(), add_bos=False))))
        return out

    def count(self, messages: Messages) -> int:
        """Return the number of tokens of a chat's words."""
        return len(self._llama.tokenize("\n".join(c for _, c in messages).encode()))
