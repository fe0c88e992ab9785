"""Rules that rows of a dataset keep: rows in general, options, facts, pairs, and what binds rows to studies."""
