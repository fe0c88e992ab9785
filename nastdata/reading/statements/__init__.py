"""What is said of each finding that a text names: there or not, where, and how grave.

In: kinds and symbols of a text.
Out: mentions with their polarity, and the facts that come of them.
May import: the reader's lexicon and kinds.
"""
