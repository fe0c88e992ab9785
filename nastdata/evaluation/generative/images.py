"""Which images may go where, and how they are sent."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from nastdata.errors import UserError
from nastdata.evaluation.generative.settings import Permission
from nastdata.images.encode import Encoding, encode
from nastdata.images.store import ImageKey, ImageStore
from nastdata.llm.connection import is_loopback, is_own_network
from nastdata.sources import get_source

KEEP = 256
"""Encoded images held in memory: the questions of an image come close together."""


@dataclass(frozen=True)
class Gate:
    """What was decided about sending images to an address; goes into the report."""

    restricted: tuple[str, ...]
    """Sources whose images may not leave the machine."""
    endpoint: str
    """``loopback``, ``own network``, ``remote`` or ``in this process``."""
    permission: Permission | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        said = None if self.permission is None else vars(self.permission)
        return {"restricted": list(self.restricted), "endpoint": self.endpoint, "permission": said}


def check_images_may_go(sources: Sequence[str], url: str, permission: Permission | None = None) -> Gate:
    """Refuse to send images of restricted corpora off this machine, unless someone answers for the server.

    Raises:
        UserError: naming the corpora, or a permission for another server.
    """
    held = tuple(s for s in sources if not _may_leave(s))
    host = urlsplit(url).hostname or ""
    if is_loopback(url):
        return Gate(held, "loopback", None)
    if not held:
        return Gate(held, "remote", None)
    if permission is None:
        raise UserError(
            f"images of {', '.join(held)} may not leave this machine",
            where=url,
            how="serve the model here (e.g. vLLM) and give http://localhost:PORT/v1; or, if it is your "
            f"own institution's and the terms allow it, --own-server {host} --stated-by 'WHO SAYS SO'",
        )
    if permission.host.casefold() != host.casefold():
        raise UserError(
            f"the statement is about {permission.host}, the model is at {host}", where="--own-server"
        )
    if len(permission.stated_by.split()) < 2:
        raise UserError(
            "name who states that these images may go there, and on what ground",
            where="--stated-by",
            how="e.g. --stated-by 'A. Name, data protection officer, 2026-11-20'",
        )
    if not is_own_network(url):
        raise UserError(
            f"{host} is not at a private address, so it is not taken for a server of your own network",
            where="--own-server",
            how="use a server on your institution's network, or on this machine",
        )
    return Gate(held, "own network", permission)


def _may_leave(source: str) -> bool:
    """Whether a source's images may leave the machine; of an unknown one, they may not."""
    try:
        return bool(get_source(source).terms.may_leave_machine)
    except UserError:
        return False


class Encoder:
    """Images as PNG bytes of their 8-bit pixels, a few kept; safe to use from several threads."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._kept: dict[ImageKey, tuple[bytes, str]] = {}
        self._lock = threading.Lock()

    def encode(self, key: ImageKey) -> tuple[bytes, str]:
        """Return (PNG bytes, sha256 of them).

        Raises:
            UserError: if the image is missing or broken.
        """
        with self._lock:
            if key not in self._kept:
                data = encode(np.asarray(self._store.load(key)), Encoding())
                if len(self._kept) >= KEEP:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = (data, hashlib.sha256(data).hexdigest())
            return self._kept[key]

    def load(self, key: ImageKey) -> Any:
        """Return the PIL image that is sent."""
        return self._store.load(key)


def to_data_url(png: bytes) -> str:
    """Return an image as the URL that chat completions take."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
