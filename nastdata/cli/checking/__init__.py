"""Commands that check and read."""
