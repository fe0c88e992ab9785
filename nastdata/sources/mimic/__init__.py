"""MIMIC-CXR and what was made of it: labels, reports, scene graphs, long-tailed labels, annotations."""
