"""CheXpert and what carries its labels: its label tables, CheXpert Plus, BRAX."""
