"""What can go wrong in the stream room, split by what the caller does about it."""

__all__ = ["BrokerUnavailable", "NoSuchLetter", "RejectedChunk", "StreamError", "WrongTopics"]


class StreamError(Exception):
    """Anything this room raises."""


class RejectedChunk(StreamError):
    """This chunk can never be used: dead letter."""


class BrokerUnavailable(StreamError):
    """The broker cannot be reached or lacks a topic: an operator must act."""


class WrongTopics(StreamError):
    """The topics are not as the settings say, or cannot be made so: an operator must act."""


class NoSuchLetter(StreamError):
    """There is no dead letter at this place."""
