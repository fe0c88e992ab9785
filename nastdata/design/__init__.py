"""Which statements to make: pure functions from frames to frames.

In: labels or facts of studies.
Out: rows without texts, what was left out, and what was measured.
May import: the small modules only.
"""
