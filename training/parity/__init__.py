"""The proof that every exported form of a network gives what the network itself does.

A network, its files and a parity task come in; a report of comparisons and failures goes out.
"""
