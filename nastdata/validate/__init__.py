"""Does the text say just that: the parser, the checks on texts and tables, the blind solvers."""
