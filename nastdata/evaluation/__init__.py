"""Scores models on datasets: accuracy, recall, AUC, gaps, clustered intervals, maps of embeddings.

In: dataset folders and models.
Out: tables (JSON, CSV) and pictures.
May import: dataset, images, llm, models, tracing, training.
"""
