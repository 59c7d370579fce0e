"""What can go wrong in this room, by what the caller can do about it."""

__all__ = [
    "CalibrationRefused",
    "CalibrationUnusable",
    "CheckpointUnusable",
    "DataMissing",
    "InferenceError",
    "ManifestUnusable",
    "OutputUnusable",
    "RuntimeMissing",
    "WeightsCorrupt",
    "WeightsMissing",
    "WeightsUnfit",
]


class InferenceError(Exception):
    """Any error of this room: one line that says what to do."""


class DataMissing(InferenceError):
    """The recordings asked for are not there: get them or name another folder."""


class ManifestUnusable(InferenceError):
    """A manifest that cannot be meant: mend the lines it names."""


class OutputUnusable(InferenceError):
    """A folder that results cannot be written into: name another one, before hours are spent."""


class CheckpointUnusable(InferenceError):
    """A checkpoint that is damaged or was made with other settings: delete it, or ask for what it was made with."""


class RuntimeMissing(InferenceError):
    """The library that should run the networks is not installed: install it, or choose the other."""


class WeightsMissing(InferenceError):
    """There is no model at the place given: train one, or leave the setting out to use the shipped one."""


class WeightsCorrupt(InferenceError):
    """The weights are not the ones their description names: fetch or train them again."""


class WeightsUnfit(InferenceError):
    """A model that is whole but made for another runtime or batch: export it again, or change the setting."""


class CalibrationRefused(InferenceError):
    """A recording that no calibration can be made from: take another stretch, or another recording."""


class CalibrationUnusable(InferenceError):
    """A calibration file that is damaged, or of another patient, model or version: calibrate again."""
