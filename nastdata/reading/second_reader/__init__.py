"""A language model as a second reader of reports, in the manner of published labelers, and what it agrees on.

The rules read a text, a model reads the same text, and where both are asked a fact enters only if they agree.
"""
