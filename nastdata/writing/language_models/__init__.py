"""Writers that ask a language model for the words."""
