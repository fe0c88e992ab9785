"""Captions and reports that others generated, judged finding by finding.

In: their files, and what is on record: a table of labels, a list of facts, or a dataset folder.
Out: a verdict on every finding, rates with intervals, and files that hold all of it.
"""
