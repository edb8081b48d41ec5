"""Predictions that are kept to learn from, where the operator wants that, and what was right.

A prediction and the picture that it was made of come in, or a correction; a line of JSON goes into
one of the files of a folder, whose bytes together are bounded.
"""
