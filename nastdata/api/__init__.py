"""The Python API: what ``import nastdata`` offers, one job a module.

In: recipes, folders, models, texts.
Out: datasets, reports, evaluations, traces, fine-tuned models.
May import: everything but cli.
"""
