"""``nastdata.load``: a dataset folder, or one config of it as Hugging Face ``datasets``."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, overload

from nastdata.api.dataset import Dataset
from nastdata.errors import UserError

PathName = str | PathLike[str]


@overload
def load(dir_or_repo: PathName, config: None = None, split: None = None) -> Dataset: ...
@overload
def load(dir_or_repo: PathName, config: str, split: str | None = None) -> Any: ...
def load(dir_or_repo: PathName, config: str | None = None, split: str | None = None) -> Any:
    """Load a dataset folder, or a repository of the Hugging Face Hub.

    Args:
        dir_or_repo: A folder that ``nastdata build`` wrote, or ``ORG/NAME`` on the Hub (name a config then).
        config: Such as ``mednega``; see ``docs/reference/columns.md``.
        split: ``train``, ``validation`` or ``test``; ``"train[:100]"`` works too.

    Returns:
        Without a config, a ``nastdata.Dataset``. With one, a ``datasets.DatasetDict``; with a split too, one
        ``datasets.Dataset``.

    Raises:
        UserError: If the folder is no dataset, or has no such config or split.

    Example:
        >>> import nastdata
        >>> _ = nastdata.build("mednega", limit=40, phantom_patients=400, out="nast-mednega-phantom")
        >>> nastdata.load("nast-mednega-phantom").configs
        ('mednega',)
        >>> nastdata.load("nast-mednega-phantom", "mednega", "train").num_rows
        36
    """
    if config is not None:
        from nastdata.api.quiet import silence_datasets
        from nastdata.dataset.load import load as load_rows

        with silence_datasets():
            return load_rows(str(dir_or_repo), config, split)
    if split is not None:
        raise UserError(
            "a split of which config", where=f"split='{split}'", how='load(FOLDER, "mednega", "test")'
        )
    if not Path(dir_or_repo).is_dir() and str(dir_or_repo).count("/") == 1 and not Path(dir_or_repo).exists():
        raise UserError(
            "no such folder; a repository on the Hub is loaded one config at a time",
            where=str(dir_or_repo),
            how=f'nastdata.load("{dir_or_repo}", "mednega")',
        )
    return Dataset(dir_or_repo)
