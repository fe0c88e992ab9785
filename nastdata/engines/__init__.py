"""Where work runs that falls into independent pieces: processes of this machine, or a Ray cluster.

In: functions and pieces of work.
Out: their results, in order.
May import: the small modules only.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from nastdata.engines.base import Engine
from nastdata.errors import UserError, name_nearest

ENGINES = ("local", "ray")


def open_engine(name: str, workers: int = 0) -> AbstractContextManager[Engine]:
    """Return the engine of that name, to be entered with ``with``; what it starts ends with the block.

    Args:
        name: one of ``ENGINES``. No engine changes a byte of what is made.
        workers: processes; 0 for as many as there are cores (of the cluster).

    Raises:
        UserError: if there is no such engine; on entering, if what it needs is missing.
    """
    if name == "local":
        from nastdata.engines.local import LocalEngine

        return LocalEngine(workers)
    if name == "ray":
        from nastdata.engines.ray_data import RayEngine

        return RayEngine(workers)
    raise UserError(f"no engine '{name}'", where="engine", how=name_nearest(name, ENGINES))
