"""Everything that comes from outside, one target each."""

from __future__ import annotations

from hostile.fuzz import Target
from hostile.targets import answers, datasets, models, settings, tables, texts

TARGETS: dict[str, Target] = {
    t.name: t for module in (tables, texts, settings, datasets, models, answers) for t in module.TARGETS
}
"""Name -> target."""
