"""Faults for builds that run as processes of their own, as a table: see ``benchmarks/chaos.py``."""
