"""Hostile input: mutators, attacks, and a watch over what a command does with them.

In-process, so that ten thousand inputs take minutes: the real commands are called through
``nastdata.cli.main``, as a shell would.
"""
