"""All drivers, and which one a device needs."""

from __future__ import annotations

from ingest.devices import bangle, berrymed, heart_rate, muse, nonin, nus, openearable, plx, polar
from ingest.devices.driver import Advert, Driver
from ingest.errors import UnknownDriver

__all__ = ["DRIVERS", "driver_for", "driver_named"]

# In the order they are asked: what is known by a service of its own first, the services of many makers last. A Polar
# advertises the heart rate service too, and many a heart rate strap a Nordic UART.
DRIVERS: dict[str, Driver] = {
    module.DRIVER.name: module.DRIVER
    for module in (polar, nonin, berrymed, muse, openearable, bangle, plx, heart_rate, nus)
}


def driver_for(advert: Advert) -> Driver | None:
    """The first driver that the advertising device matches, None for a device of no known kind."""
    return next((driver for driver in DRIVERS.values() if driver.matches(advert)), None)


def driver_named(name: str) -> Driver:
    """The driver of that name. Raises UnknownDriver, which lists all names."""
    try:
        return DRIVERS[name]
    except KeyError:
        raise UnknownDriver(f"no driver is called {name}; there are {', '.join(DRIVERS)}") from None
