"""From the bytes of an image to the 28 rows that a model reads, made as MNIST's were made.

An encoded file comes in; (28, 28) float32 in [0, 1], light ink on dark, goes out. `formats` knows
files, `decode` makes pixels of them, `normalising` makes rows of those, and `numbers` finds lines
of several digits and draws each as a strip.
"""
