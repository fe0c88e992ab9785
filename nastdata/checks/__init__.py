"""What ``nastdata validate`` and ``audit`` run on a dataset folder or a table of captions.

In: a folder or a table.
Out: verdicts rule by rule, with the rows that failed.
May import: reading, design, audit, dataset.
"""
