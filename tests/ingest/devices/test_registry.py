"""Which driver a device gets."""

import pytest

from ingest.devices.driver import Advert, base_uuid
from ingest.devices.registry import DRIVERS, driver_for, driver_named
from ingest.errors import UnknownDriver

HEART_RATE, PLX, NUS = base_uuid(0x180D), base_uuid(0x1822), "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
NONIN = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"


@pytest.mark.parametrize(
    ("advert", "name"),
    [
        (Advert("Polar Sense A1B2C3D4", (HEART_RATE,)), "polar"),
        (Advert("Polar H10 A1B2C3D4", (HEART_RATE,)), "heart_rate"),
        (Advert(None, (HEART_RATE,)), "heart_rate"),
        (Advert("strap", (NUS, HEART_RATE)), "heart_rate"),
        (Advert("oximeter", (PLX,)), "plx"),
        (Advert("Nonin3150", (PLX, NONIN)), "nonin"),
        (Advert("BerryMed"), "berrymed"),
        (Advert("Muse-1A2B", (base_uuid(0xFE8D),)), "muse"),
        (Advert("OpenEarable-1A2B"), "openearable"),
        (Advert("Bangle.js 1a2b", (NUS, HEART_RATE)), "bangle"),
        (Advert("ESP32", (NUS,)), "nus"),
        (Advert("Kettle", (base_uuid(0x180F),)), None),
        (Advert(None), None),
    ],
)
def test_a_device_gets_its_own_driver(advert, name):
    found = driver_for(advert)
    assert (found.name if found else None) == name


def test_a_driver_is_found_by_its_name():
    assert driver_named("muse") is DRIVERS["muse"]
    with pytest.raises(UnknownDriver, match=r"berrymed2.*polar, nonin, berrymed"):
        driver_named("berrymed2")
