"""How a network is fitted and evaluated: with all that ships, or as plainly as a tutorial.

A recipe and a data set come in; trained weights and their scores go out.
"""
