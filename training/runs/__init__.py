"""Training runs on disk: their folders, checkpoints, finished seeds, and who trains them.

A recipe, a data set and a device come in; a finished run in its folder goes out, resumed where an
earlier one had stopped.
"""
