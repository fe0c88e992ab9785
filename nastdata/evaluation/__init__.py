"""Scores models on datasets: accuracy, recall, AUC, gaps, clustered intervals, maps of embeddings."""
