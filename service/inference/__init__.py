"""Loaded models: the registry, the classifier, and the backends that run a graph.

Published folders and float32 arrays come in; outputs, or predictions, go out.
"""
