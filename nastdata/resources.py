"""Where the files that ship with the package are: in a wheel under ``_data``, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def find_resource(kind: str) -> Path:
    """Return the folder of ``prompts``, ``schemas``, ``recipes`` (wheel or checkout) or ``ontologies``.

    Raises:
        FileNotFoundError: if the installation is incomplete.
    """
    for folder in (PACKAGE / kind, PACKAGE / "_data" / kind, PACKAGE.parent / kind):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"nastdata is installed without its {kind}; reinstall the package")
