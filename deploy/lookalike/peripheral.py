"""A Bluetooth device as its neighbours see it: what it advertises, its characteristics, and what can go wrong with it.

Knows nothing of how it is reached; a Link carries what it notifies."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

__all__ = ["Characteristic", "ConnectFault", "Faults", "Link", "Peripheral"]

_ATT_HEADER = 3  # opcode and handle of a notification (Bluetooth Core 5.4, volume 3, part F, 3.4.7.1)


class ConnectFault(Enum):
    """What one Connect comes to instead of a connection."""

    IN_PROGRESS = "refused: another operation is under way (org.bluez.Error.InProgress)"
    ABORTED = "connected and dropped at once, by our own side (le-connection-abort-by-local)"
    DROPPED_MEANWHILE = "connected, and dropped before its services are known"
    NEVER_ANSWERS = "no answer until the caller gives up"


@dataclass(slots=True)
class Faults:
    """What goes wrong, changed at any time. connects: one for each coming Connect, in order. stalled: notifications
    stop without a word while the link stands. copies: how often each notification arrives. cut_bytes: notifications
    are cut to this length. loss: the share of notifications that never arrive. disconnect_s: how long it takes to be
    disconnected on request (BlueZ: about 2 s), in which notifications go on."""

    connects: list[ConnectFault] = field(default_factory=list)
    stalled: bool = False
    copies: int = 1
    cut_bytes: int | None = None
    loss: float = 0.0
    disconnect_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Characteristic:
    """flags: GATT properties as BlueZ spells them ("read", "write", "write-without-response", "notify", "indicate").
    write: called with what is written; it may notify, which then arrives after the answer to the write."""

    flags: tuple[str, ...]
    read: Callable[[], bytes] = bytes
    write: Callable[[bytes], None] = lambda data: None


class Link(Protocol):
    """One standing connection, as the device sees it."""

    def send(self, characteristic: str, data: bytes) -> bool:
        """Carry a notification or indication; False when nobody is subscribed or it does not go through."""
        ...

    def drop(self) -> None:
        """End the connection, seen at both ends at once."""
        ...


def _nothing() -> None:
    pass


@dataclass(slots=True, eq=False)
class Peripheral:
    """address: "A0:9E:1A:00:00:01". services: {service: {characteristic: Characteristic}}, 128-bit UUIDs, lower case.
    advertised: of these, the ones in its advertisement. mtu: of the ATT, agreed on when it is connected; 23 is what
    both sides fall back to. seed: of the losses."""

    address: str
    name: str
    services: Mapping[str, Mapping[str, Characteristic]]
    advertised: tuple[str, ...] = ()
    mtu: int = 247
    rssi_dbm: int = -55
    address_type: str = "random"
    manufacturer: Mapping[int, bytes] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    advertising: bool = True
    on_connected: Callable[[], None] = _nothing
    on_disconnected: Callable[[], None] = _nothing
    seed: int = 0
    link: Link | None = field(default=None, init=False)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @property
    def connected(self) -> bool:
        """Whether a link stands."""
        return self.link is not None

    @property
    def payload(self) -> int:
        """Bytes that one notification can carry."""
        return self.mtu - _ATT_HEADER

    def linked(self, link: Link | None) -> None:
        """For the host's side: the link now stands, or (None) is gone."""
        was, self.link = self.link, link
        if link is not None:
            self.on_connected()
        elif was is not None:
            self.on_disconnected()

    def notify(self, characteristic: str, data: bytes) -> bool:
        """Send a notification or indication. True when the whole of it went to a subscriber.

        Longer than the payload it is cut without a word, as ATT does."""
        faults = self.faults
        if self.link is None or faults.stalled or (faults.loss and self._random.random() < faults.loss):
            return False
        limit = self.payload if faults.cut_bytes is None else min(self.payload, faults.cut_bytes)
        sent = [self.link.send(characteristic, data[:limit]) for _ in range(faults.copies)]
        return any(sent) and len(data) <= limit

    def drop(self) -> None:
        """The link breaks now; the host hears of it. Without a link, nothing happens."""
        if self.link is not None:
            self.link.drop()

    def stall(self) -> None:
        """Notifications stop while the link stands."""
        self.faults.stalled = True

    def resume(self) -> None:
        """Notifications go on."""
        self.faults.stalled = False

    def fail_connects(self, faults: Iterable[ConnectFault]) -> None:
        """What the next Connects come to, one each."""
        self.faults.connects = list(faults)
