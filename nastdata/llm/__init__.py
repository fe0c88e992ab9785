"""Adapters to language models, the cache of their answers, the ledger of their cost, the terms gate.

In: requests.
Out: answers, and what they cost.
May import: engines.
"""
