"""Dual encoders of images and texts behind one protocol, one adapter a file."""
