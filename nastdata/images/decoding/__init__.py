"""From the bytes of an image file to 8-bit pixels, by one rule for every format.

``files`` says what the bytes are, ``raster`` and ``dicom`` take the stored values out, ``grey_levels`` is the
rule that makes 8 bits of them, ``reader`` puts these together. Only ``raster`` and ``dicom`` know a library.
"""
