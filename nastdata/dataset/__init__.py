"""The dataset folder: parquet, splits, manifest, card, exports."""
