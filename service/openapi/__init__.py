"""The OpenAPI document of the service as it really behaves.

Settings and published models come in, `/docs.json` goes out.
"""
