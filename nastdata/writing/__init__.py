"""Which words to use: the grammar, the template writer, writers that ask language models.

In: statements and facts.
Out: texts, each with its plan.
May import: engines, llm; reads nothing back itself.
"""
