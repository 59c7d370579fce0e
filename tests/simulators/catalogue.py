"""One simulator for every driver, so that what holds for one can be asked of all."""

from collections.abc import Callable

from deploy.wearable.light import pulse_light
from deploy.wearable.simulator import Simulator
from deploy.wearable.verity import Verity
from tests.simulators.berrymed import BerryMed
from tests.simulators.heart_rate import HeartRate
from tests.simulators.muse import Muse
from tests.simulators.nonin import Nonin
from tests.simulators.nus import Bangle, Board
from tests.simulators.openearable import OpenEarable
from tests.simulators.plx import Plx

__all__ = ["SIMULATORS"]


def _verity(start_ns: int, **options) -> Verity:
    return Verity(pulse_light(60), start_ns, **options)


# by the driver's name; each is called with start_ns and options, of which all know ppm
SIMULATORS: dict[str, Callable[..., Simulator]] = {
    "polar": _verity,
    "nonin": Nonin,
    "berrymed": BerryMed,
    "muse": Muse,
    "openearable": OpenEarable,
    "bangle": Bangle,
    "plx": Plx,
    "heart_rate": HeartRate,
    "nus": Board,
}
