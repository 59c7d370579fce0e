"""What can go wrong in the ingest room, split by what the caller does about it."""

__all__ = [
    "BadDevice",
    "BadFaults",
    "BadRecording",
    "BadSpool",
    "DeviceRefused",
    "FrameError",
    "IngestError",
    "NoBluetooth",
    "UnknownDriver",
]


class IngestError(Exception):
    """Any error of this room: one line that says what to do."""


class BadRecording(IngestError):
    """This file cannot be replayed: another file or another option is needed."""


class BadFaults(IngestError):
    """This description of faults cannot be meant."""


class FrameError(IngestError):
    """A notification that is not what its device's description allows."""


class DeviceRefused(IngestError):
    """A device answered a command with an error."""


class BadSpool(IngestError):
    """The folder for what waits for the broker cannot be used."""


class BadDevice(IngestError):
    """A device as it was asked for cannot be meant."""


class NoBluetooth(IngestError):
    """This machine's Bluetooth cannot be used."""


class UnknownDriver(IngestError):
    """No device driver has this name."""
