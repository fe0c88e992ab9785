"""The experiment: does the data teach negation, and do layer weights from a trace earn their name?

``make experiment`` runs it; ``docs/experiment-plan.md`` says beforehand what is asked and how it is decided;
``docs/experiment.md`` and ``docs/experiment-plain.md`` say what came out.
"""
