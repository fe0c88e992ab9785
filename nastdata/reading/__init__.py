"""Reads sentences and reports into facts, and judges whether a caption says exactly its fact."""
