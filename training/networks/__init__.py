"""What a network is made of, as data, and the modules that are built of it.

A configuration comes in; a `torch.nn.Module` goes out.
"""
