"""Exceptions for users.

Each message is one line with the rule, the offending value and the remedy; pages and command line show it unchanged.
"""


class RoboRegError(Exception):
    """Base class of errors for users."""


class ArchitectureError(RoboRegError):
    """A depth, width, shortcut, number of classes or image size is not supported."""


class ScheduleError(RoboRegError):
    """A schedule is out of bounds or cannot be read."""


class CheckpointError(RoboRegError):
    """A weights file is missing, damaged, unsafe or for another network."""


class DataError(RoboRegError):
    """Images are missing or damaged, or their download failed."""


class SpecError(RoboRegError):
    """A method, recipe or run setting is unknown or out of range."""


class StoreError(RoboRegError):
    """A record does not exist, or the store cannot be opened."""


class StorageError(StoreError):
    """The store's files are missing, damaged, or cannot be written."""


class JobError(RoboRegError):
    """A job cannot be submitted, cancelled or resumed."""


class AccessError(RoboRegError):
    """The visitor is not signed in and may not start, change or delete anything."""


class ReportError(RoboRegError):
    """A report cannot be generated."""
