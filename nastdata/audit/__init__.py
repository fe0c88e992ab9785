"""Blind solvers: how well a dataset can be solved without its images."""
