"""The Open Inference Protocol, version 2: any published graph by its named tensors.

Requests of `/v2` come in, JSON or binary; float32 arrays go to the model, its outputs out.
"""
