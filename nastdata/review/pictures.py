"""The pictures of items as a browser gets them: PNG made of pixels alone, found by an item's number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nastdata.images.convert import ImageFile, convert_images
from nastdata.images.encode import Encoding
from nastdata.images.store import ImageStore
from nastdata.review.items import Item

KEPT = 16
ENCODING = Encoding("png", max_side=4096)


@dataclass
class ReviewPictures:
    """Reads pictures of sampled rows; a browser's request names numbers only, never a path."""

    folder: Path
    items: Mapping[int, Item]
    store: ImageStore | None
    _made: OrderedDict[tuple[int, int], tuple[bytes | None, str]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def read(self, n: int, k: int) -> tuple[bytes | None, str]:
        """Return the PNG of an item's picture ``k`` (0 or 1), or None and the reason."""
        item = self.items.get(n)
        if item is None or item.place is None or not 0 <= k < len(item.pictures):
            return None, "no such picture"
        with self._lock:
            if (n, k) not in self._made:
                self._made[n, k] = self._make(item, item.pictures[k][0])
                if len(self._made) > KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end((n, k))
            return self._made[n, k]

    def _make(self, item: Item, column: str) -> tuple[bytes | None, str]:
        source, image = self._read_cell(item, column)
        if isinstance(image, Mapping):
            if image.get("bytes") is None:
                return None, "the row has none"
            file = ImageFile(source, str(image.get("path") or ""), data=image["bytes"])
        elif image is None or self.store is None:
            return None, "not found"
        else:
            file = self.store.locate(source, str(image))
        made = convert_images([file], ENCODING)[0]
        return made.data, made.reason

    def _read_cell(self, item: Item, column: str) -> tuple[str, Any]:
        """Read one row's image column: its row group only."""
        assert item.place is not None
        left = item.place.row
        with pq.ParquetFile(self.folder / item.place.file) as file:
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                if left < size:
                    table: pa.Table = file.read_row_group(group, columns=["source", column]).slice(left, 1)
                    row = table.to_pylist()[0]
                    return str(row["source"]), row[column]
                left -= size
        return "", None
