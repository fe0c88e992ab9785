"""The grammar of the template writer: sentence plans, options, facts, morphology."""
