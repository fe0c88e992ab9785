"""The only place that opens an image: finds, reads, converts, embeds and draws radiographs.

In: paths below a user's image folder, bytes, or phantom facts.
Out: pictures, bytes to embed, files of an export.
May import: sources (for the phantom), engines.
"""
