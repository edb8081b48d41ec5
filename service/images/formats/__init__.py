"""What is asked of an image file before Pillow sees it, a format a file.

Pillow reads metadata in Python, without a limit, before a size can be asked: a Python object for
each offset of a TIFF's strips and each value of an EXIF tag, a call for each chunk or segment. So
`read_size` finds the size in the bytes themselves, and `strip` leaves only what bears on the
pixels. Both take well below a millisecond, whatever the file, or refuse it.
"""
