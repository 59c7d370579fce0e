"""The live page in a real browser, fed by the server's own state."""

import asyncio
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from sinks.errors import PortInUse
from sinks.monitor.server import Monitor
from sinks.settings import MonitorSettings
from stream.messages import Abstention, Alert, Demographics, DeviceStatus, EcgSegment, PpgSegment, ReferenceEcg

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.integration, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
S, STEP = 1_000_000_000, 7_812_500
START = 1_700_000_000 * S


def ecg(k, patient="bed 1 <b>", abstained="", n=256):
    t = np.arange(k * 256, k * 256 + n) / 128
    wave = (900 * np.exp(-(((t % 0.8) - 0.4) ** 2) / 0.0004)).astype(np.int16)
    leads = np.repeat(wave[:, None], 12, 1)
    start = START + k * 2 * S
    gaps = ()
    if abstained:
        leads[:] = -32_768
        gaps = (Abstention(start, start + 2 * S, abstained),)
    return EcgSegment(
        patient=patient, device="d", session="s", start_ns=start, fs_hz=128, heart_rate_bpm=None if abstained else 75.0,
        confidence=0.9, findings=(), quality=0.8, reasons=(), abstained=gaps, model_id="m", steps=2, source="estimated",
        shift_ns=0, last=False, stages_ns={}, leads_uv=leads, band_uv=np.zeros((n, 2), np.int16),
        beats_ns=np.array([start + S]), beat_confidence=np.array([0.9], "f4"), rr_ms=np.array([800], "f4"),
    )  # fmt: skip


def ppg(k, patient="bed 1 <b>"):
    wave = np.sin(np.arange(1280) / 20).astype("f4")
    return PpgSegment(
        patient, "d", "s", START + (k * 2 - 5) * S, 128, 640, 896, 256, 384, 72, 0.8, (), Demographics(), 0, 0, False,
        wave, np.ones(1280, "u1"), np.ones(11, "f4"), np.zeros((6, 16), "f4"),
    )  # fmt: skip


@pytest.fixture
async def page():
    from playwright.async_api import async_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with Monitor(MonitorSettings(port=port)) as monitor, async_playwright() as p:
        browser = await p.chromium.launch(
            executable_path=CHROMIUM,
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        one = await browser.new_page(viewport={"width": 1280, "height": 800})
        errors: list[str] = []
        one.on("pageerror", lambda error: errors.append(str(error)))
        one.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        await one.goto(monitor.url)
        yield monitor, one
        await browser.close()
        assert not [one for one in errors if "WebSocket connection" not in one]


async def feed(monitor, several, **options):
    for k in several:
        monitor.show(ppg(k))
        monitor.show(ecg(k, **options))
        await asyncio.sleep(0.3)


async def ink(page):
    """Dark pixels of the traces."""
    return await page.evaluate(
        """() => { const c = document.getElementById('traces');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 128 && d[i] < 60) n++; return n; }"""
    )


async def text(page, name):
    return await page.text_content(f"#{name}")


async def eventually(check, seconds=10.0):
    for _ in range(int(seconds * 10)):
        if await check():
            return True
        await asyncio.sleep(0.1)
    return False


async def test_leads_move_and_the_numbers_are_shown(page):
    monitor, one = page
    assert await text(one, "label") == "Estimated from PPG. Not for diagnosis."
    assert await one.is_visible("#waiting")
    await feed(monitor, range(6))
    assert await eventually(lambda: text_is(one, "rate", "75"))
    before = int(await one.get_attribute("body", "data-place"))
    assert await ink(one) > 3000
    await feed(monitor, range(6, 9))
    assert int(await one.get_attribute("body", "data-place")) > before + 64
    assert not await one.is_visible("#nodata")
    assert await one.eval_on_selector("#patient", "e => e.value") == "bed 1 <b>"


async def text_is(page, name, value):
    return (await text(page, name)) == value


async def test_no_data_is_raised_by_the_pages_own_clock(page):
    monitor, one = page
    await feed(monitor, range(5))
    assert await eventually(lambda: one.is_visible("#nodata"), 9)
    assert "no signal arrives" in await text(one, "nodata-why")
    assert await text(one, "rate") == "--"
    for k in range(5, 12):  # the pulse goes on, the estimate does not
        monitor.show(ppg(k))
        await asyncio.sleep(0.3)
    assert await eventually(lambda: contains(one, "nodata-why", "is the inference running"))


async def contains(page, name, part):
    return part in (await text(page, name))


async def test_a_dead_server_is_noticed_and_come_back_to(page):
    monitor, one = page
    await feed(monitor, range(5))
    await monitor.__aexit__()
    assert await eventually(lambda: contains(one, "nodata-why", "does not answer"), 8)
    assert await text(one, "link") == "not connected"
    async with Monitor(monitor._settings) as again:
        assert await eventually(lambda: text_is(one, "link", "connected"), 8)
        await feed(again, range(5, 8))
        assert await eventually(lambda: text_is(one, "rate", "75"))


async def test_what_is_abstained_is_empty_and_says_why(page):
    monitor, one = page
    await feed(monitor, range(3))
    await feed(monitor, range(3, 8), abstained="poor signal: flat")
    assert await eventually(lambda: text_is(one, "state", "no estimate: poor signal: flat"))
    assert await text(one, "rate") == "--"


async def test_alerts_are_shown_by_priority_and_cleared(page):
    monitor, one = page
    await feed(monitor, range(2))
    low = Alert("i", "bed 1 <b>", "d", "r", "technical", "low", "raised", False, 0, 0, None, None, "", "low one")
    high = replace(low, id="j", priority="high", text="<i>high</i> one")
    monitor.show(low)
    monitor.show(high)
    assert await eventually(lambda: text_is(one, "alerts", "<i>high</i> onelow one"))
    monitor.show(replace(high, state="cleared"))
    assert await eventually(lambda: text_is(one, "alerts", "low one"))


async def test_the_true_ecg_can_be_laid_under(page):
    monitor, one = page
    truth = ReferenceEcg("bed 1 <b>", "d", "s", 0, START, 250.0, ("II", "V"), 0, False, np.zeros((500, 2), "f4"))
    await feed(monitor, range(2))
    assert not await one.is_visible("#truth-box")
    monitor.show(truth)
    assert await eventually(lambda: one.is_visible("#truth-box"))


async def test_a_monitoring_that_ended_is_no_alarm(page):
    monitor, one = page
    await feed(monitor, range(4))
    monitor.show(DeviceStatus("d", "bed 1 <b>", "s", 0, 0, "ended", None, None, None, 0, 0, True))
    await asyncio.sleep(7)
    assert not await one.is_visible("#nodata")


async def test_a_page_that_opens_late_sees_the_last_minutes(page):
    monitor, _ = page
    await feed(monitor, range(4))
    async with aiohttp.ClientSession() as session, session.ws_connect(monitor.url + "ws") as socket_:
        hello = await socket_.receive_json(timeout=5)
    kinds = [one["kind"] for one in hello["messages"]]
    assert kinds.count("ecg") == 4
    assert kinds.count("ppg") == 4


async def test_health_and_readiness(page):
    monitor, _ = page
    async with aiohttp.ClientSession() as session:
        assert (await session.get(monitor.url + "healthz")).status == 200
        assert (await session.get(monitor.url + "readyz")).status == 503
        monitor.ready = True
        assert (await session.get(monitor.url + "readyz")).status == 200


async def test_a_taken_port_is_one_clear_error(page):
    monitor, _ = page
    with pytest.raises(PortInUse, match=r"monitor\.port"):
        await Monitor(monitor._settings).__aenter__()


def test_the_page_loads_nothing_from_elsewhere():
    import sinks.monitor.server as server

    for file in (Path(server.__file__).parent / "page").iterdir():
        for scheme in ("http://", "https://"):
            assert scheme not in file.read_text().replace("http://www.w3.org/2000/svg", ""), file
