"""Causal tracing of negation through a text encoder (paper section on causal tracing effects)."""
