"""Reading millions of images on Ray: a folder, a bucket or a list of paths in, Parquet files out.

Names of images come in; for each a row goes out, with what the service would answer, or the error.
"""
