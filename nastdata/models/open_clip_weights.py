"""Checkpoint files in the shapes that people share them in, read into a model of open_clip.

Seen in the wild: a plain state dict; ``{"state_dict": ...}`` with or without ``module.`` before every name
(open_clip's trainer, NegCLIP, NegBench); ``{"model": ...}`` with OpenAI's names (CoN-CLIP); OpenAI's own
TorchScript archives. Names and half precision are OpenAI's; open_clip's native models share the names.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nastdata.errors import UserError
from nastdata.models.weight_files.scripted import is_scripted, read_scripted
from nastdata.text_input.plain_files import open_file

WRAPPERS = ("state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "clip.")
OF_TRANSFORMERS = ("text_model.", "vision_model.", "model.text_model.", "model.vision_model.")
"""How names of weights begin that transformers has saved."""
NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")
"""Entries of OpenAI's archives that are numbers, not weights."""


def load_weights(model: Any, path: Path) -> None:
    """Read a checkpoint file into a model of open_clip, every weight of it.

    Raises:
        UserError: if the file is no checkpoint, or belongs to another architecture.
    """
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed, resize_text_pos_embed

    state = read_weights(path)
    if any(name.startswith(OF_TRANSFORMERS) for name in state):
        raise UserError(
            f"these are weights of transformers ({next(iter(sorted(state)))} ...), not of open_clip",
            where=str(path),
            how="name the folder that they and their config.json are in: transformers:FOLDER",
        )
    try:
        state = convert_state_dict(model, state)
        if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
            state = convert_to_custom_text_state_dict(state)
        if "logit_scale" in state:
            state["logit_scale"] = state["logit_scale"].reshape(model.logit_scale.shape)
        # a buffer that transformers no longer keeps
        state.pop("text.transformer.embeddings.position_ids", None)
        resize_pos_embed(state, model)
        resize_text_pos_embed(state, model)
        found = model.load_state_dict(state, strict=False)
    except (RuntimeError, KeyError) as e:
        raise _tell_misfit(path, str(e).splitlines()[-1].strip()) from e
    if found.missing_keys or found.unexpected_keys:
        missing, more = found.missing_keys, found.unexpected_keys
        told = f"{len(missing)} weights missing" + (f", first {missing[0]}" if missing else "")
        told += f"; {len(more)} unknown" + (f", first {more[0]}" if more else "")
        raise _tell_misfit(path, told)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint file by name, whatever it wraps them in.

    Raises:
        UserError: if it can't be read, or holds no weights.
    """
    open_file(path).close()
    try:
        found = _read(path)
    except UserError:
        raise
    except Exception as e:  # of a damaged file, torch and pickle raise nearly anything
        if isinstance(e, pickle.UnpicklingError) and "global" in str(e).lower():
            what = "this checkpoint holds more than weights, which only running its code could read"
            how = "if you trust it, load it with torch.load(weights_only=False) and save its state dict alone"
            raise UserError(what, where=str(path), how=how) from e
        raise UserError(
            "not a readable checkpoint", where=str(path), how="was it downloaded to its end?"
        ) from e
    for wrapper in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
            break
    weights = (
        {str(k): v for k, v in found.items() if isinstance(v, Tensor)} if isinstance(found, dict) else {}
    )
    for prefix in PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): v for name, v in weights.items()}
    for name in NOT_WEIGHTS:
        weights.pop(name, None)
    if not weights:
        raise UserError(
            "no weights in this checkpoint",
            where=str(path),
            how=f"they are looked for at its top and under {', '.join(WRAPPERS)}",
        )
    return weights


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(str(path))
        except SafetensorError as e:
            raise ValueError(str(e)) from e
    if zipfile.is_zipfile(path) and is_scripted(path):
        return read_scripted(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _tell_misfit(path: Path, told: str) -> UserError:
    how = "name the architecture that it was trained with before the @, e.g. open_clip:ViT-B-16@FILE"
    return UserError(f"the checkpoint does not fit the architecture ({told[:200]})", where=str(path), how=how)
