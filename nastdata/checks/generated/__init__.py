"""Captions and reports that others generated, judged finding by finding."""
