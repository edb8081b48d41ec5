"""Pictures drawn from a seed: digits as other hands write them, and what is no digit.

`hands` and `outliers` draw what is learned from; both draw with the strokes of `pen_strokes`.
"""
