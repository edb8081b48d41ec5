"""From the bytes of an image to the 28 rows that a model reads, made as MNIST was made.

An encoded file comes in; (28, 28) float32 in [0, 1], light ink on dark, goes out.
"""
