"""Training loops: one for the classifiers that ship, one for the reader of lines, a plain one for
the tutorials' recipes.

A recipe, a data set and a device come in; a trained network goes out, its scores and calibration.
"""
