"""The exported forms of a network: ONNX and TorchScript.

A network in eval mode comes in; a file goes out.
"""
