"""From decoded pixels to the 28 rows that a model reads, a step a file.

A `Picture` of any size and colour comes in; a `Reading`, light ink on dark as in MNIST, goes out.
"""
