"""Protocols: small questions about one or two findings, paired so that no text tells its answer."""
