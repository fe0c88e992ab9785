"""Which statements to make: pure functions from frames to frames."""
