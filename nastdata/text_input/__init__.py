"""Texts and tables of others, read with every mistake reported by file and line."""
