"""The one error that this room raises for what its users can mend."""


class DatasetError(ValueError):
    """A data set, a file in it or a choice made from it cannot be used; the message says what to do next."""
