"""Blind solvers: how well a dataset can be solved without its images.

In: frames of rows.
Out: accuracies with intervals, and a verdict.
May import: the small modules only.
"""
