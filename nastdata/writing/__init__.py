"""Which words to use: sentence plans, the template writer, the LLM writers."""
