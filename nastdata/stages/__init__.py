"""Finished stages of a build, kept beside its output until it ends, so that a killed build goes on.

In: what a stage made (frames and plain values), and a key: the hash of all that it was made from.
Out: the same again in the next run of the same build, or nothing.
May import: the stages of a build, whose results it packs; never the pipeline.
"""
