"""A private bus, a look-alike of bluetoothd, simulated devices: a world to break, without a radio.

async def test_something(world, verity):
    band = world.add(verity(ppm=30))
    ...
    band.stall()
    assert np.array_equal(received, band.truth("ppg").values)
"""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from deploy.lookalike.bus import BUS_VARIABLE, PrivateBus
from deploy.lookalike.device import Timing
from deploy.lookalike.world import World
from deploy.wearable.verity import Verity
from tests.ingest.bluetooth.listening import settled

_QUICK = Timing(advert_s=0.02, connect_s=0.01, resolve_s=0.01)
_RECORDING = Path(__file__).parents[3] / "deploy" / "recordings" / "polar-sense-3min.txt"


@pytest.fixture
def bus(monkeypatch) -> Iterator[PrivateBus]:
    """A D-Bus of one's own, which bleak takes for the system's. Its address is gone from the environment afterwards."""
    if shutil.which("dbus-daemon") is None:
        missing = "dbus-daemon is not here (Debian package: dbus)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with PrivateBus() as private:
        monkeypatch.setenv(BUS_VARIABLE, private.address)
        yield private


@pytest.fixture
async def world(bus) -> AsyncIterator[World]:
    """The look-alike, running, with nobody in range."""
    async with World(bus.address, timing=_QUICK) as made:
        yield made
    await settled(bus)


@pytest.fixture(scope="session")
def light() -> np.ndarray:
    """(n, 4) three minutes of a real Verity Sense: three green channels and ambient."""
    return np.loadtxt(_RECORDING, dtype=np.int64, delimiter=";", skiprows=1, usecols=(2, 3, 4, 5))


@pytest.fixture
def verity(world, light) -> Callable[..., Verity]:
    """Makes a Verity Sense that was turned on now, playing `light`; options as in Verity."""

    def make(samples: np.ndarray | None = None, **options) -> Verity:
        return Verity(light if samples is None else samples, world.now_ns(), **options)

    return make
