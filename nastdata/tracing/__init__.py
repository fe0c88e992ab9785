"""Causal tracing of negation through a text encoder (NAST, section on causal tracing).

In: caption pairs, images, a model.
Out: effects by layer and position with intervals.
May import: models.
"""
