"""Cheap rivals that train no tower: what a learnt method has to beat."""

from __future__ import annotations

from collections.abc import Callable

from experiment.method import Place
from experiment.scorer import Scorer
from experiment.sizes import Size
from nastdata.models.base import DualEncoder

MakeScorer = Callable[[DualEncoder, Place, Size, int], Scorer]
"""(the pretrained encoder, where its parts are, the size, a seed) -> a scorer.

What it learns or chooses it takes from the splits ``train`` and ``validation`` of ``place.data(...)``.
"""

POSTHOC: dict[str, tuple[MakeScorer, str]] = {
    # name -> (maker, what it is in a clause): linear probe, prompt ensembling, reader rule
}
