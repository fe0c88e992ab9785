"""Designs of MedNega questions: the balanced one and the published one."""
