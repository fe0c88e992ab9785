"""Joins what a design wants said with checked wordings: the only place where facts and texts meet."""
