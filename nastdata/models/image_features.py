"""Features of a dataset's images, computed once and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from nastdata.images.store import ImageKey, ImageStore
from nastdata.models.base import DualEncoder, fingerprint_images


def embed_images(
    encoder: DualEncoder,
    store: ImageStore,
    keys: Sequence[ImageKey],
    cache: Path | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Return the features of images, (len(keys), dim); those in the cache are not computed again.

    Args:
        encoder: The model.
        store: Where images come from.
        keys: Which ones; repeated ones are computed once.
        cache: Folder for feature files, one for each image tower; None for no cache.
        batch_size: Images that go through the tower at once.

    Raises:
        UserError: if an image is missing or broken.
    """
    names = {key: store.identify(key) for key in dict.fromkeys(keys)}
    path = cache / f"images-{fingerprint_images(encoder)[:32]}.safetensors" if cache else None
    known = dict(_read_cache(path, path.stat().st_mtime_ns)) if path and path.is_file() else {}
    missing = [key for key, name in names.items() if name not in known]
    device = next(encoder.model.parameters()).device
    for start in range(0, len(missing), batch_size):
        some = missing[start : start + batch_size]
        pixels = torch.stack([encoder.preprocess(store.load(key)) for key in some]).to(device)
        with torch.no_grad():
            features = encoder.encode_images(pixels).cpu()
        known.update((names[key], row) for key, row in zip(some, features, strict=True))
    if path is not None and missing:
        _write_cache(path, known)
    return torch.stack([known[names[key]] for key in keys])


@lru_cache(maxsize=4)
def _read_cache(path: Path, _changed: int) -> dict[str, Tensor]:
    """A cache file cut short is as good as none. Not to be changed: the next call gets the same mapping."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            names = json.loads(file.metadata()["names"])
            return dict(zip(names, file.get_tensor("features"), strict=True))
    except (SafetensorError, OSError, KeyError, ValueError):
        return {}


def _write_cache(path: Path, known: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    features = torch.stack(list(known.values())).contiguous()
    save_file({"features": features}, str(partial), metadata={"names": json.dumps(list(known))})
    partial.replace(path)
