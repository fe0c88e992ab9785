"""Own tables: a corpus that its owner describes in a small YAML file (``docs/own-data.md``).

settings  what the file may say          text_tables, typed_tables  files to batches of text cells
keys      who and which image a row is    layouts, boxes             what a row says
studies   rows to studies, readers' votes load                       the ``Source`` of it all
guess, starter   ``sources new``          check                      ``sources check``
"""
