"""What can go wrong in this room, by what the caller can do about it."""

__all__ = ["DataMissing", "InferenceError"]


class InferenceError(Exception):
    """Any error of this room: one line that says what to do."""


class DataMissing(InferenceError):
    """The recordings asked for are not there: get them or name another folder."""
