"""Batch jobs at an OpenAI-compatible service: made, found again, fetched."""
