"""From decoded pixels to the lines of digits in them, a step a file.

A `Picture` of any size and colour comes in; a strip for each line, light ink on dark, goes out.
"""
