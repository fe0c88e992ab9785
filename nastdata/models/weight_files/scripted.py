"""Weights of TorchScript archives (OpenAI's own files), read without running what is in them.

``torch.jit.load`` runs code of the archive while it loads it, and TorchScript can write files. Here only the
tensors are read: an unpickler that knows tensors, dicts and empty objects, and refuses every other name.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nastdata.text_input.plain_files import Archive, open_zip

MOST = 1 << 37
"""Bytes that the weights of one file may have."""
MOST_LEVELS = 100
STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _Module:
    """Stands for an object of any class of the archive: it holds what the object holds, and does nothing."""

    def __init__(self, *_: Any) -> None:
        self.held: Any = {}

    def __setstate__(self, state: Any) -> None:
        self.held = state


class _Reader(pickle.Unpickler):
    """Knows tensors and empty objects; refuses every other name."""

    def __init__(self, archive: Archive, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}data.pkl", 1 << 28)))
        self._archive, self._root = archive, root
        self._read: dict[tuple[str, str], Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _rebuild
        if module == "collections" and name == "OrderedDict":
            return dict
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if module == "torch.jit._pickle" and name.startswith("build_"):
            return list
        if module == "torch.jit._pickle" and name == "restore_type_tag":
            return lambda value, _: value
        if module.startswith("__torch__"):
            return _Module
        raise pickle.UnpicklingError(f"the name {module}.{name} is no weight (global)")

    def persistent_load(self, name: Any) -> Tensor:
        kind, dtype, key, *_ = name
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(key).isdigit():
            raise pickle.UnpicklingError("a storage that is none")
        at = (str(key), str(dtype))
        if at not in self._read:
            raw = bytearray(self._archive.read(f"{self._root}data/{key}"))
            self._read[at] = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        return self._read[at]


def _rebuild(storage: Tensor, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    """Return a tensor over a storage; torch refuses one that reaches beyond it."""
    return torch.as_strided(storage, tuple(size), tuple(stride), offset).clone()


def is_scripted(path: Path) -> bool:
    """Whether a zip file is a TorchScript archive."""
    with open_zip(path, MOST) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.names)


def read_scripted(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a TorchScript archive by name.

    Raises:
        UserError: if it is no zip file.
        ValueError: if it holds something else than weights, or is damaged.
    """
    with open_zip(path, MOST) as archive:
        found = [n for n in archive.names if n.endswith("/data.pkl") or n == "data.pkl"]
        if len(found) != 1:
            raise ValueError("not one data.pkl in the archive")
        root = _Reader(archive, found[0].removesuffix("data.pkl")).load()
    weights: dict[str, Tensor] = {}
    stack: list[tuple[str, Any, int]] = [("", root, 0)]
    while stack:
        name, value, level = stack.pop()
        if isinstance(value, Tensor):
            weights[name] = value
        held = value.held if isinstance(value, _Module) else None
        if isinstance(held, dict) and level < MOST_LEVELS:
            prefix = f"{name}." if name else ""
            stack += [(f"{prefix}{k}", v, level + 1) for k, v in held.items()]
        if len(stack) + len(weights) > 1_000_000:
            raise ValueError("more weights than any model has")
    return weights
