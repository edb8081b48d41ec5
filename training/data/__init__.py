"""The data: MNIST, scikit-learn's digits, lines composed of them, sine windows, outliers, and
augmentation of batches.

Files or a seed come in; tensors go out, of images and labels on a device or of sequences.
"""
