"""Everything that a training run depends on, as validated data: what ships, and the tutorials'.

A name comes in; a frozen recipe goes out.
"""
