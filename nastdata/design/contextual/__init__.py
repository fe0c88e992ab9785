"""Designs of contextual claim sets and captions, in which one attribute of a fact is altered."""
