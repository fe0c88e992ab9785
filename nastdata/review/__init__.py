"""Review by people: a sample, a page for two or more reviewers, figures, sign-off, the changed dataset.

In: a dataset folder, or an ontology.
Out: answers in SQLite, tables, figures, a sign-off in the folder, a new folder.
May import: dataset, audit, images, reading.
"""
