"""Datasets that test and teach negation in medical vision-language models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nastdata.compat import find_moved_modules

if TYPE_CHECKING:
    from nastdata.api.build import CheckWarning, build
    from nastdata.api.dataset import Dataset
    from nastdata.api.encoders import Encoder, WrappedEncoder
    from nastdata.api.evaluate import Evaluation, evaluate
    from nastdata.api.load import load
    from nastdata.api.modelling import Training, trace, train
    from nastdata.dataset.folder import read_dataset
    from nastdata.dataset.load import attach_images
    from nastdata.errors import NothingMadeError, UserError
    from nastdata.images.api import open_image
    from nastdata.progress import Event
    from nastdata.reading.api import check_caption, parse

__version__ = "0.2.0"

__all__ = [
    "CheckWarning",
    "Dataset",
    "Encoder",
    "Evaluation",
    "Event",
    "NothingMadeError",
    "Training",
    "UserError",
    "WrappedEncoder",
    "__version__",
    "attach_images",
    "build",
    "check_caption",
    "evaluate",
    "load",
    "open_image",
    "parse",
    "read_dataset",
    "trace",
    "train",
]

LAZY = {
    "CheckWarning": "nastdata.api.build",
    "Dataset": "nastdata.api.dataset",
    "Encoder": "nastdata.api.encoders",
    "Evaluation": "nastdata.api.evaluate",
    "Event": "nastdata.progress",
    "NothingMadeError": "nastdata.errors",
    "Training": "nastdata.api.modelling",
    "UserError": "nastdata.errors",
    "WrappedEncoder": "nastdata.api.encoders",
    "attach_images": "nastdata.dataset.load",
    "build": "nastdata.api.build",
    "check_caption": "nastdata.reading.api",
    "evaluate": "nastdata.api.evaluate",
    "load": "nastdata.api.load",
    "open_image": "nastdata.images.api",
    "parse": "nastdata.reading.api",
    "read_dataset": "nastdata.dataset.folder",
    "trace": "nastdata.api.modelling",
    "train": "nastdata.api.modelling",
}
"""Name -> module, imported when the name is first used, so that ``import nastdata`` stays light."""


find_moved_modules()


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'nastdata' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *LAZY})
