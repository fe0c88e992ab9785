"""An example plug-in of nastdata: one source and one export format."""
