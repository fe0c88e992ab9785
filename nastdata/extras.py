"""Optional parts of the package: what each extra brings, and what to say where it is missing."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

from nastdata.errors import UserError


class Extra(NamedTuple):
    """One extra of ``pip install 'nastdata[NAME]'``."""

    modules: tuple[str, ...]
    """Modules that have to be importable."""
    use: str
    """What it is for, as ``nastdata doctor`` shows it."""


EXTRAS: dict[str, Extra] = {
    "dicom": Extra(("pydicom", "openjpeg", "libjpeg"), "DICOM images, and their compressed syntaxes"),
    "llm": Extra(("openai",), "language models on a server: --realizer openai, vlm: models"),
    "local": Extra(
        ("outlines", "torch", "transformers", "llguidance"),
        "language models in this process: --realizer local",
    ),
    "train": Extra(
        ("torch", "open_clip", "peft", "safetensors", "matplotlib"), "evaluate, trace, train, explain"
    ),
    "review": Extra(
        ("starlette", "uvicorn", "statsmodels", "krippendorff", "openpyxl"),
        "nastdata review: the page, agreement of reviewers, sheets",
    ),
    "ray": Extra(("ray",), "--engine ray: many machines"),
    "quality": Extra(("great_expectations", "mlcroissant"), "expectation suites, Croissant checks"),
    "excel": Extra(("openpyxl",), "label tables in .xlsx files"),
    "llamacpp": Extra(("llama_cpp",), "writer.backend=llamacpp"),
    "tensorboard": Extra(("tensorboard",), "train --set log=tensorboard"),
    "umap": Extra(("umap",), "explain --map umap"),
}
"""Extra -> what it brings, those of a whole task first."""


def list_missing(extra: str) -> list[str]:
    """Return the modules of an extra that can't be imported here."""
    return [m for m in EXTRAS[extra].modules if find_spec(m) is None]


def need_extra(extra: str, purpose: str) -> None:
    """Say what to install if an extra is missing.

    Args:
        extra: Its name, a key of ``EXTRAS``.
        purpose: What the user asked for, such as ``evaluating a model``.

    Raises:
        UserError: if one of its modules can't be found.
    """
    missing = list_missing(extra)
    if missing:
        names = ", ".join(missing)
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(
            f"{purpose} needs the extra '{extra}': {names} {verb} not installed",
            how=f"pip install 'nastdata[{extra}]'",
        )
