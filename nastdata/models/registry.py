"""Dual encoders of every kind behind one small protocol, and how to name one on the command line.

``open_clip:ViT-B-32@openai``, ``open_clip:ViT-B-32@/weights/negclip.pth``, ``open_clip:hf-hub:ORG/NAME``,
``open_clip:/folder``, ``transformers:ORG/NAME`` or ``transformers:/folder``, ``hi-ml:biovil-t``,
``medclip:vit@FOLDER``, ``pmc-clip:FOLDER``, ``post-hoc:FOLDER``, ``python:MODULE:FACTORY``.
Adapters import their libraries when they are used.
"""

from __future__ import annotations

from nastdata.errors import UserError, name_nearest
from nastdata.models.base import DualEncoder
from nastdata.registry import get_adapter, list_adapters

GROUP = "nastdata.models"
"""Entry points: kind -> a function from the rest of the name to a ``DualEncoder``."""


def load_encoder(spec: str, device: str = "cpu") -> DualEncoder:
    """Load a model by its name.

    Raises:
        UserError: if the kind is unknown, its library is missing, or the weights can't be had.
    """
    kind, colon, name = spec.partition(":")
    kinds = list_adapters(GROUP)
    if not colon or kind not in kinds:
        how = name_nearest(kind, kinds) + "; e.g. open_clip:ViT-B-32@openai"
        raise UserError("no such kind of model", where=spec, how=how)
    encoder: DualEncoder = get_adapter(GROUP, kind)(name)
    encoder.model.eval().to(device)
    for parameter in encoder.model.parameters():
        parameter.requires_grad_(False)
    return encoder
