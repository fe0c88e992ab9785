"""Rules that a dataset keeps row by row: rows in general, options, facts, pairs, and what binds them."""
