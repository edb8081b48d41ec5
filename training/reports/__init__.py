"""Tables and plots of what training came to.

Finished runs come in; Markdown and PNG files go out.
"""
