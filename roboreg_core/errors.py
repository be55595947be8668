"""The one family of errors that RoboReg raises on purpose.

Every message names the rule, the value that broke it and the remedy, on one line, so that a page or the command line
can show it unchanged.
"""


class RoboRegError(Exception):
    """Base of every error that a person can act on."""


class ScheduleError(RoboRegError):
    """A schedule breaks a bound or cannot be read."""


class CheckpointError(RoboRegError):
    """A weights file is missing, damaged, unsafe or of another network."""


class DataError(RoboRegError):
    """Images are missing, damaged or could not be fetched."""


class SpecError(RoboRegError):
    """A method, recipe or run setting is unknown or out of range."""


class StoreError(RoboRegError):
    """A record is unknown, or the store cannot be opened."""


class JobError(RoboRegError):
    """A job cannot be submitted, cancelled or resumed as asked."""


class ReportError(RoboRegError):
    """A report cannot be made of what was given."""
