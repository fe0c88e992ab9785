"""How the phantom film is drawn: anatomy, places, findings, mark."""
