"""What changed between two dataset folders: recipe, counts, rows by key, audits, terms, versions.

In: two dataset folders.
Out: a comparison, for the terminal, as JSON, as a page.
May import: dataset, report.
"""
