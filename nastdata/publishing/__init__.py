"""Takes a dataset folder to a hub if its terms allow, or packs what rebuilds it without its rows.

In: a dataset folder.
Out: a repository on a hub, or a bundle.
May import: dataset, exports, checks.
"""
