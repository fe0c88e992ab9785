"""The dataset folder: parquet, splits, manifest, written in one step and read back.

In: rows, rejects and a manifest.
Out: a folder that ``datasets`` can load.
May import: images, report.
"""
