"""The writer against a server that answers as InfluxDB does when something is wrong."""

import asyncio
import gzip
import time

import pytest
from aiohttp import web

from sinks.errors import BadToken, DatabaseRefused
from sinks.influx.writer import Writer
from sinks.settings import InfluxSettings

LINES = [f"m,patient=p value={k}i {k}" for k in range(20)]


class Database:
    """answers: (status, headers) before it works as usual. refused: texts of lines it never takes."""

    def __init__(self, answers=(), refused=(), most=1000):
        self.answers, self.refused, self.most = list(answers), refused, most
        self.taken, self.asked_s = [], []

    async def write(self, request):
        self.asked_s.append(time.monotonic())
        if self.answers:
            status, headers = self.answers.pop(0)
            return web.json_response({"code": "x", "message": "told so"}, status=status, headers=headers)
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        lines = body.decode().splitlines()
        if len(lines) > self.most:
            return web.json_response({"code": "too large", "message": "too large"}, status=413)
        bad = [one for one in lines if one in self.refused]
        if bad:
            return web.json_response({"code": "invalid", "message": "field type conflict"}, status=422)
        self.taken += lines
        return web.Response(status=204)


@pytest.fixture
async def start():
    runners = []

    async def run(database):
        app = web.Application()
        app.router.add_post("/api/v2/write", database.write)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # pyright: ignore[reportAttributeAccessIssue]
        return InfluxSettings(url=f"http://127.0.0.1:{port}", token="t", timeout_s=1.0)

    yield run
    for runner in runners:
        await runner.cleanup()


async def write(settings, lines=LINES):
    async with Writer(settings) as writer:
        return await writer.write(lines)


async def test_all_lines_arrive_in_their_order(start):
    database = Database()
    assert await write(await start(database)) == []
    assert database.taken == LINES


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_database_is_asked_again_until_it_takes_the_same(start, status):
    database = Database([(status, {}), (status, {})])
    assert await write(await start(database)) == []
    assert database.taken == LINES
    assert len(database.asked_s) == 3


async def test_retry_after_is_honoured(start):
    database = Database([(503, {"Retry-After": "1"})])
    await write(await start(database))
    assert database.asked_s[1] - database.asked_s[0] >= 0.99


async def test_a_time_out_is_asked_again(start):
    database = Database()
    usual, calls = database.write, []

    async def slow(request):
        calls.append(1)
        if len(calls) == 1:
            await asyncio.sleep(3)
        return await usual(request)

    database.write = slow
    assert await write(await start(database)) == []
    assert database.taken == LINES


async def test_a_batch_that_is_too_large_is_halved(start):
    database = Database(most=3)
    assert await write(await start(database)) == []
    assert database.taken == LINES


async def test_bad_lines_are_named_and_the_others_written(start):
    database = Database(refused=(LINES[4], LINES[17]))
    refused = await write(await start(database))
    assert [one.number for one in refused] == [4, 17]
    assert "field type conflict" in refused[0].reason
    assert database.taken == [one for k, one in enumerate(LINES) if k not in (4, 17)]


async def test_a_batch_of_nothing_but_bad_lines_is_not_sent_line_by_line(start):
    lines = [f"m value={k}i {k}" for k in range(5000)]
    database = Database(refused=set(lines))
    assert len(await write(await start(database), lines)) == 5000
    assert len(database.asked_s) < 300


@pytest.mark.parametrize(
    ("status", "said"), [(401, "influx.token_file"), (403, "influx.token_file"), (404, "no bucket")]
)
async def test_a_wrong_token_or_bucket_stops_with_what_to_do(start, status, said):
    with pytest.raises(DatabaseRefused, match=said):
        await write(await start(Database([(status, {})])))


async def test_what_is_no_influxdb_is_said_to_be_none(start):
    with pytest.raises(DatabaseRefused, match="no InfluxDB"):
        await write(await start(Database([(200, {})])))


def test_the_token_comes_from_a_file_or_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text("secret\n")
    assert InfluxSettings(token_file=file).secret() == "secret"
    with pytest.raises(BadToken, match=r"influx\.token_file"):
        InfluxSettings().secret()
    with pytest.raises(BadToken, match="No such file"):
        InfluxSettings(token_file=tmp_path / "none").secret()
