"""Texts and tables of others.

In: files and streams of unknown writers (text, JSON lines, CSV, Parquet).
Out: lines, whole texts and records, or an error that names file and line.
May import: errors only.
"""
