"""Adapters to language models, the cache of their answers and the ledger of their cost."""
