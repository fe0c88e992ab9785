"""Tables of any common kind as batches of text cells: a few rows in memory, every broken row named."""
