"""A TCP proxy that is as bad as asked, for a kernel without netem."""

import asyncio
import socket
import struct
import threading
import time

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Forwards port to target. Set delay_s or is_busy; call stall or reset. A context manager."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.delay_s, self.is_busy = 0.0, False
        self._stalled_until_s = 0.0
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self._thread.start()
        server = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        asyncio.run_coroutine_threadsafe(server, self._loop).result(5)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def stall(self, seconds):
        """Nothing passes for so long; connections stay."""
        self._stalled_until_s = time.monotonic() + seconds

    def reset(self):
        """Every connection ends in a TCP reset."""
        self._loop.call_soon_threadsafe(self._reset)

    def _reset(self):
        for writer in list(self._writers):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _serve(self, reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, there_writer}
        self._writers |= both
        await asyncio.wait(
            [
                asyncio.ensure_future(self._pump(reader, there_writer, writer)),
                asyncio.ensure_future(self._pump(there_reader, writer, None)),
            ],
            return_when=asyncio.FIRST_COMPLETED,
        )
        self._writers -= both
        for one in both:
            one.close()

    async def _pump(self, reader, writer, client):
        try:
            while data := await reader.read(1 << 18):
                await asyncio.sleep(max(self.delay_s, self._stalled_until_s - time.monotonic()))
                if client is not None and self.is_busy:
                    client.write(_BUSY)
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            return
