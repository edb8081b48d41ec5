"""Reading row by row: over server-sent events, or a WebSocket that is written to meanwhile.

An image or rows come in; a prediction goes out after every row, and the last one at the end.
"""
