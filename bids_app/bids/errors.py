"""The error of this package for problems that users can fix."""


class DatasetError(ValueError):
    """A data set, a file in it or a selection from it cannot be used; the message says what to do."""
