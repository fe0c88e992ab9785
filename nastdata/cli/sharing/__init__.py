"""Commands that pass datasets on."""
