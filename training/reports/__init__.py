"""The report of `training.reproduce`: a table, notes and plots.

Finished runs of tutorials come in; Markdown and PNG files go out.
"""
