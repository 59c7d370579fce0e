"""What can go wrong in the stream room, split by what the caller does about it."""

__all__ = ["BrokerUnavailable", "RejectedChunk", "StreamError"]


class StreamError(Exception):
    """Anything this room raises."""


class RejectedChunk(StreamError):
    """This chunk can never be used: dead letter."""


class BrokerUnavailable(StreamError):
    """The broker cannot be reached or lacks a topic: an operator must act."""
