"""Libraries that draw bars of their own are silent while the API uses them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence_datasets() -> Iterator[None]:
    """Switch off the progress bars of ``datasets``, and on again if they were."""
    with warnings.catch_warnings():
        # tqdm asks for widgets that a notebook may lack
        warnings.filterwarnings("ignore", message="IProgress not found")
        import datasets

    were_off = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            datasets.enable_progress_bars()
