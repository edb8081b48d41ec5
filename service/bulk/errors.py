"""The errors that `python -m service.bulk` reports in one line; each names value and remedy."""


class BulkError(Exception):
    """Something that the person who gave the command can mend."""


class SourceError(BulkError):
    """The source is not there, cannot be listed, or is no list of paths."""


class FolderError(BulkError):
    """The folder of results is another's, in use, begun otherwise, or not seen by a node."""


class ModelError(BulkError):
    """The model is not published, no classifier, or another one on a node."""


class StoreError(BulkError):
    """A bucket does not answer, so that nothing can be said of its files."""
