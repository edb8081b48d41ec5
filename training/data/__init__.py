"""Data sets and what is drawn beside them: MNIST, scikit-learn's digits, sine windows, outliers.

Files or a seed come in; uint8 images and labels on a device go out.
"""
