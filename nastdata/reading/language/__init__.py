"""How languages are written, and which of them a text is in."""
