"""What can go wrong in the sinks room, split by what the caller does about it."""

__all__ = ["PortInUse", "Rejected", "SinkError", "Unwritable"]


class SinkError(Exception):
    """Any error of this room: one line that says what to do."""


class Unwritable(SinkError):
    """The disk does not take it: stop with nothing committed, an operator must act."""


class Rejected(SinkError):
    """This message can never be stored: dead letter."""


class PortInUse(SinkError):
    """Another program listens there: choose another port."""
