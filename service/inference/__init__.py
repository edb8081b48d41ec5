"""Loaded models: the registry, the classifier of digits, the reader of lines, and the backends that
run a graph.

Folders of published models and named float32 arrays come in; outputs by name, predictions or texts
go out.
"""
