"""What can go wrong in the sinks room, split by what the caller does about it."""

__all__ = ["BadToken", "DatabaseRefused", "GrafanaRefused", "PortInUse", "Rejected", "SinkError", "Unwritable"]


class SinkError(Exception):
    """Any error of this room: one line that says what to do."""


class Unwritable(SinkError):
    """The disk does not take it: stop with nothing committed, an operator must act."""


class Rejected(SinkError):
    """This message can never be stored: dead letter."""


class PortInUse(SinkError):
    """Another program listens there: choose another port."""


class BadToken(SinkError):
    """There is no token to be had from the settings."""


class DatabaseRefused(SinkError):
    """The database answers and refuses everything: token, organisation or bucket is wrong. An operator must act."""


class GrafanaRefused(SinkError):
    """Grafana cannot be reached, or does not let us: the message says what to set."""
