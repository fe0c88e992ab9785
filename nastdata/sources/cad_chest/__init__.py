"""CAD-Chest: structured mentions of MIMIC-CXR reports."""
