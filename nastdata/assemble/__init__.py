"""Joins what a design wants said with checked wordings: the only place where facts and texts meet.

In: a design's frame, a writer.
Out: rows with texts that were read back, and what could not be worded.
May import: engines, reading, writing, design.
"""
