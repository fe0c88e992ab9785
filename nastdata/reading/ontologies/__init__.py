"""Whether an ontology is one that the reader can read back."""
