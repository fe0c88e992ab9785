"""Protocols: small questions about one or two findings, paired so that no text gives its answer away."""
