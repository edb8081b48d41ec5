"""The data: MNIST, scikit-learn's digits, sine windows, and augmentation of batches.

`lines` composes lines of digits; `drawn` draws digits of other hands, and what is no digit.
Files or a seed come in; tensors go out, of images and labels on a device or of sequences.
"""
