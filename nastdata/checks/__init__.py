"""What `nastdata validate` runs on a dataset folder or a table of captions."""
