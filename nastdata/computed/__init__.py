"""Results that follow from an ontology and few numbers, kept on disk between builds.

In: a name, all that a result follows from, and how to make it.
Out: the result, kept or made now; what is kept, to be listed and deleted.
May import: resources.
"""
