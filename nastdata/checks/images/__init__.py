"""What `validate` asks of stored images: pixels alone, whole, and without a name of their headers."""
