"""Trace, weight, fine-tune, evaluate, explain."""
