"""The page that a browser gets at `/`, and the interactive API document at `/docs`.

A browser's request comes in; a file of this folder goes out, or one of Swagger UI's, as it lies.
"""
