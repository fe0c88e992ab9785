"""Dual encoders of images and texts behind one protocol, one adapter a module.

In: the name of a model, tokens, pixels.
Out: features of images and texts.
May import: ontology, reading, writing, dataset, images.
"""
