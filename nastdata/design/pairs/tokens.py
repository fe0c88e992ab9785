"""Counting tokens with the tokenizer of the text tower that is to be traced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nastdata.errors import UserError

CountTokens = Callable[[str], int]


def load_token_counter(tokenizer: str) -> CountTokens:
    """Load a tokenizer and return what counts the tokens of a text, special ones left out.

    Args:
        tokenizer: ``open_clip`` (its bundled byte-pair encoding) or the folder of a Hugging Face tokenizer.

    Raises:
        UserError: if the library or the folder isn't there, or the folder holds no tokenizer.
    """
    return _load_open_clip() if tokenizer == "open_clip" else _load_hugging_face(Path(tokenizer))


def _load_open_clip() -> CountTokens:
    try:
        from open_clip.tokenizer import SimpleTokenizer
    except ImportError as e:
        raise UserError(
            "open_clip is not installed, so its tokenizer is not there",
            where="tokenizer",
            how="pip install 'nastdata[train]', or name the folder of a Hugging Face tokenizer",
        ) from e
    encode = SimpleTokenizer().encode
    return lambda text: len(encode(text))


def _load_hugging_face(folder: Path) -> CountTokens:
    if not folder.is_dir():
        raise UserError(
            "no such tokenizer folder",
            where=f"tokenizer: {folder}",
            how="give 'open_clip' or a folder with tokenizer.json (or vocab files) in it",
        )
    try:
        from transformers import AutoTokenizer
    except ImportError as e:
        raise UserError(
            "transformers is not installed", where="tokenizer", how="pip install 'nastdata[train]'"
        ) from e
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as e:
        raise UserError(f"not a tokenizer ({str(e).splitlines()[0]})", where=f"tokenizer: {folder}") from e
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))
