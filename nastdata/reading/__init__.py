"""Reads sentences and reports into facts, and judges whether a caption says exactly its fact.

In: text, an ontology.
Out: readings (labels, facts, what stayed unread), or the reason against a caption.
May import: engines, llm; never writing or design.
"""
