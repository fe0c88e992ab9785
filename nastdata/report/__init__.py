"""What people and crawlers read about a dataset: card, Croissant description, report page.

In: a manifest and rows.
Out: Markdown, JSON-LD, one offline HTML page.
May import: images.
"""
