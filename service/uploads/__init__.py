"""From a request's head and body to typed values: forms, options, JSON, sequences.

Bytes of a client come in; values go out that are checked, or an error that names what is wrong.
"""
