"""What can go wrong in the composition root."""

__all__ = ["BadSettings", "DeployError", "ProcessDied"]


class DeployError(Exception):
    """Any error of this room: one line that says what to do."""


class BadSettings(DeployError):
    """A settings file, environment variable or flag that cannot be meant."""


class ProcessDied(DeployError):
    """A stage of the local stack ended when it should not have."""
