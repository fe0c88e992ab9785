"""Designs of tracing probes, opposition quadruplets and retrieval prompts."""
