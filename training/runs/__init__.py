"""Training runs on disk: their folders, checkpoints, seeds, and the processes that train them.

A recipe comes in; a finished run, resumed where it had stopped, goes out.
"""
