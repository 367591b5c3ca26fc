"""The one way in which `make up` gives up: a sentence that says what to do."""


class CannotStart(Exception):
    """The installation cannot be started; the message is shown to the person who typed `make up`."""
