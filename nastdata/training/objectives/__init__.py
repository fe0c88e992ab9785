"""What a step learns from: batches of each objective, as pure functions of the step's number.

In: image features, texts and facts of a dataset's rows.
Out: the loss of a step, from a function that encodes texts.
May import: ontology, dataset, models, and losses of training.
"""
