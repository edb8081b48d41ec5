"""The proof that every exported form of a network decides as it does.

A network and its files come in; rows of comparisons go out, and whatever failed.
"""
