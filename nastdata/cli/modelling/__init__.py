"""Commands that trace, train and evaluate models."""
