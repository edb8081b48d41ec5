"""The networks: their configurations, the modules built from them, and their named tensors.

A configuration comes in; a `torch.nn.Module` goes out, and the interface of its graph.
"""
