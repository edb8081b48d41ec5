"""Lines of digits, composed for the reader of lines: single digits and signs, damage, strips.

The data set's digits and a seed come in; strips with their labels go out, one by one or in batches.
"""
