"""ReXGradient-160K: reports by section."""
