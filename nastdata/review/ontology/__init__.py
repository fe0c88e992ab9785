"""Review of an ontology: its statements as items, and the sign-off in its file."""
