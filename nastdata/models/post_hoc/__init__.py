"""Models whose text tower stays as it is, and whose scores are changed afterwards.

In: a dual encoder, a rule on texts or a linear map, features of reference images.
Out: a dual encoder that is evaluated like any other; ``post-hoc:FOLDER``.
May import: ontology, reading, writing, and modules of models.
"""
