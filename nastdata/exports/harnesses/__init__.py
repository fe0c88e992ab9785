"""Exports for the tools in which generative vision-language models are evaluated."""
