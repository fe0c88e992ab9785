"""Finished parquet files of a folder that is being written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from nastdata.stages.entries import Kept, hash_file
from nastdata.stages.folder import Stages
from nastdata.stages.keys import hash_parts


class KeptShards:
    """Gives back shards that an interrupted build has finished, and keeps new ones.

    Args:
        stages: where they are kept.
        made_from: config -> key of its rows; configs without one are written anew.
    """

    def __init__(self, stages: Stages, made_from: Mapping[str, str]) -> None:
        self._stages, self._made_from = stages, made_from

    def take(self, config: str, split: str, number: int, path: Path) -> bool:
        """Put a kept shard in its place; False if there is none that is whole."""
        key = self._key(config, split, number)
        if key is None:
            return False
        kept = self._stages.find(self._name(config, split, number), key)
        if kept is None or self._stages.folder is None:
            return False
        file = self._stages.folder / kept.data["file"]
        try:
            if hash_file(file) != kept.data["sha256"]:
                raise OSError("damaged")
            _link(file, path)
        except OSError as e:
            self._stages.say(f"{'resume':<10} {file.name} is not usable ({e.strerror or e}): made again")
            self._stages.drop(self._name(config, split, number))
            return False
        return True

    def keep(self, config: str, split: str, number: int, path: Path) -> None:
        """Keep a shard that has just been written: a second name for its file."""
        key, folder = self._key(config, split, number), self._stages.folder
        if key is None or folder is None:
            return
        name = self._name(config, split, number)
        file = folder / f"{name}.parquet"
        try:
            file.unlink(missing_ok=True)
            _link(path, file)
            data = {"file": file.name, "sha256": hash_file(file)}
        except OSError as e:
            self._stages.give_up(e)
            return
        self._stages.keep(name, key, Kept(data=data))

    def _key(self, config: str, split: str, number: int) -> str | None:
        made_from = self._made_from.get(config)
        return hash_parts(made_from, split, number) if made_from else None

    @staticmethod
    def _name(config: str, split: str, number: int) -> str:
        return f"shard-{config}-{split}-{number:05d}"


def _link(file: Path, to: Path) -> None:
    """Give a file a second name; copy it where that isn't possible."""
    try:
        os.link(file, to)
    except OSError:
        shutil.copyfile(file, to)
