"""From a finished run to a published model: written in every form, proven, and put in its place.

A recipe, a data set and a device come in; model folders go out, or a list of what failed.
"""
