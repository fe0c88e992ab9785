"""Files of weights that others wrote, read without running any code of theirs.

In: a file. Out: tensors by name. May import: errors.
"""
