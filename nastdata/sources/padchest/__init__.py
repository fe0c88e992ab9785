"""PadChest: labels with places, Spanish report text."""
