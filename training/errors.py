"""The errors that a command reports in one line; each message names the value and the remedy."""


class TrainingError(Exception):
    """Something that the person who gave the command can mend."""


class RecipeError(TrainingError):
    """A field of a recipe, or of a network's configuration, is outside its range."""


class DeviceError(TrainingError):
    """The device that was asked for does not work here."""


class DataError(TrainingError):
    """A data set is missing, damaged, or cannot be read or downloaded."""


class CheckpointError(TrainingError):
    """A run on disk is missing, damaged, unreadable, in use, or of another recipe or data set."""


class TrainingDivergedError(TrainingError):
    """The loss, or what a trained network gives, is not finite."""


class WorkerPoolError(TrainingError):
    """A worker process was killed; the seeds that were finished are kept."""

    def __init__(self) -> None:
        super().__init__(
            "a training process was killed, perhaps for want of memory; the same command goes on "
            "where it stopped, with fewer --workers"
        )


class ClusterError(TrainingError):
    """Ray is not installed, cannot be reached, or gave up; finished seeds are kept."""


class ReportError(TrainingError):
    """A report would replace a file that is not of a report."""


class PublishedModelError(TrainingError):
    """Training cannot go on from a published model, or cannot learn from it."""


class PicturesError(TrainingError):
    """A folder of pictures to learn from is missing, or holds too few that can be used."""
