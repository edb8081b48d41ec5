"""The service: published models behind BentoML."""
