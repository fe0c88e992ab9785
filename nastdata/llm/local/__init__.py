"""Language models that run on this machine, or on an engine's workers."""
