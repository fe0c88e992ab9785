"""Work on all states, statements or searches at once, in arrays; the modules beside it say what is wanted."""
