"""Exports for the tools with which generative vision-language models are trained."""
