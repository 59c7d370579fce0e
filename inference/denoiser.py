"""The generator's network: cascaded dilated convolutions at three rates estimate the denoised but blurred leads, then
a learned, time-dependent gain in the DCT deblurs them (our reading of P2Es; docs/model-card.md).

Channels are kept by lead, and every block mixes them with the group's affinity matrix. REACH is the network's reach
on either side in samples; nothing in it normalises over time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from inference.affinity import CODE_SIZE, LEAD_COUNT
from inference.conditions import CHANNELS, PERSON_SIZE
from inference.diffusion import Process, dct, idct
from inference.items import ItemLinear

__all__ = [
    "BEAT_BEFORE",
    "BEAT_SAMPLES",
    "CROP",
    "HALO",
    "HOP",
    "KNOTS",
    "REACH",
    "Band",
    "Denoiser",
    "Person",
    "PersonEncoder",
]

REACH = 28
HOP, HALO, KNOTS = 256, 128, 4
CROP = HOP + 2 * HALO
_WIDTH = 8  # channels of each lead
_HIDDEN = LEAD_COUNT * _WIDTH
_GAIN_KNOTS = 10
BEAT_BEFORE = 32
BEAT_SAMPLES = BEAT_BEFORE + 58  # of the mean beat that a person code is read from: 0.25 s before R to 0.45 s after


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """What is known of the person along a crop of CROP samples, at KNOTS hops of which the first is its first sample.

    code: (batch, 4, 16); vector: (batch, 8); affinity: (batch, 4, 8, 8). In between is linear, so crops join."""

    code: Tensor
    vector: Tensor
    affinity: Tensor


class _Block(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.norm = _ChannelNorm(_HIDDEN)
        self.first = nn.Conv1d(_HIDDEN, 2 * _HIDDEN, 3, padding=dilation, dilation=dilation)
        self.condition = nn.Conv1d(_HIDDEN, 2 * _HIDDEN, 1)
        self.time = ItemLinear(_HIDDEN, 2 * _HIDDEN)
        self.second = nn.Conv1d(_HIDDEN, _HIDDEN, 1)
        self.mix = nn.Parameter(torch.full((_WIDTH,), 0.1))

    def forward(self, x: Tensor, condition: Tensor, time: Tensor, affinity: Tensor) -> Tensor:
        y = self.first(self.norm(x)) + self.condition(condition) + self.time(time)[:, :, None]
        gate, value = y.chunk(2, 1)
        y = self.second(torch.sigmoid(gate) * torch.tanh(value))
        return x + y + self._across_leads(y, affinity)

    def _across_leads(self, y: Tensor, affinity: Tensor) -> Tensor:
        batch, _, n = y.shape
        by_lead = y.view(batch, LEAD_COUNT, _WIDTH, n)
        mixed = torch.einsum("bkij,bjwn,kn->biwn", affinity, by_lead, _hats(n, y.device))
        return (self.mix[:, None] * mixed).reshape(batch, _HIDDEN, n)


class _ChannelNorm(nn.Module):
    """Layer norm over channels at each sample: nothing crosses time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(channels, 1)), nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(1, keepdim=True)
        return centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + 1e-3) * self.gain + self.shift


class Denoiser(nn.Module):
    """z (batch, 8, n), t (batch,), channels (batch, 18, n), Person -> (blurred, clean), each (batch, 8, n).

    n must be a multiple of 4 and crops start at multiples of 4, so that the coarse rates agree between crops."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process
        self.take = nn.Conv1d(LEAD_COUNT, _HIDDEN, 1)
        self.told = nn.Sequential(nn.Conv1d(CHANNELS + CODE_SIZE + PERSON_SIZE, _HIDDEN, 1), nn.SiLU())
        self.clock = nn.Sequential(ItemLinear(33, _HIDDEN), nn.SiLU(), ItemLinear(_HIDDEN, _HIDDEN), nn.SiLU())
        self.at_full = nn.ModuleList([_Block(1), _Block(2), _Block(1)])
        self.at_half = nn.ModuleList([_Block(1), _Block(2)])
        self.at_quarter = nn.ModuleList([_Block(1), _Block(1)])
        self.last = nn.ModuleList([_Block(1)])
        self.give = nn.Conv1d(_HIDDEN, LEAD_COUNT, 1)
        self.wiener = ItemLinear(_HIDDEN, _GAIN_KNOTS)

    def forward(self, z: Tensor, t: Tensor, channels: Tensor, person: Person) -> tuple[Tensor, Tensor]:
        time = self.clock(_time_features(self.process.logsnr(t)))
        told = self.told(_told(channels, person))

        def run(blocks: Iterable[nn.Module], x: Tensor, condition: Tensor) -> Tensor:
            for block in blocks:
                x = block(x, condition, time, person.affinity)
            return x

        pool, grow = nn.functional.avg_pool1d, nn.functional.interpolate
        full = run(self.at_full, self.take(z) + told, told)
        half = run(self.at_half, pool(full, 2), pool(told, 2))
        quarter = run(self.at_quarter, pool(half, 2), pool(told, 4))
        half = half + grow(quarter, scale_factor=2.0, mode="nearest")
        full = run(self.last, full + grow(half, scale_factor=2.0, mode="nearest"), told)
        blurred = self.give(full)
        return blurred, self._deblur(blurred, t, time)

    def _deblur(self, blurred: Tensor, t: Tensor, time: Tensor) -> Tensor:
        """Wiener gain d / (d^2 + rho) with rho smooth in frequency, so that its kernel in time stays short."""
        n = blurred.shape[-1]
        heat = self.process.heat(t, n)
        # in double: the last few values of a short array take another path than the rest, and round otherwise
        knots = nn.functional.softplus(self.wiener(time).double() - 4).float()[:, None]
        rho = nn.functional.interpolate(knots, size=n, mode="linear", align_corners=True)
        return idct(dct(blurred) * heat * (1 + rho) / (heat**2 + rho))


@cache
def _hats(n: int, device: torch.device) -> Tensor:
    """(4, n): weight of each knot at each of n samples of a crop, whatever its rate."""
    rate = CROP / n
    place = (torch.arange(n, device=device) * rate + (rate - 1) / 2) / HOP
    return (1 - (place - torch.arange(KNOTS, device=device)[:, None]).abs()).clamp(min=0)


def _told(channels: Tensor, person: Person) -> Tensor:
    n = channels.shape[-1]
    code = torch.einsum("bkc,kn->bcn", person.code, _hats(n, channels.device))
    return torch.cat([channels, code, person.vector[:, :, None].expand(-1, -1, n)], 1)


def _time_features(logsnr: Tensor) -> Tensor:
    rates = torch.exp(torch.linspace(math.log(0.1), math.log(4.0), 16, device=logsnr.device))
    waves = (logsnr[:, None] * rates).double()  # as in _deblur
    return torch.cat([logsnr[:, None] / 6, waves.sin().float(), waves.cos().float()], 1)


class PersonEncoder(nn.Module):
    """A person code from a mean beat (batch, 8, 90) in units of the lead scale, NaN leads set to 0, and the mask
    (batch, 8) of the leads that are there."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(LEAD_COUNT * BEAT_SAMPLES + LEAD_COUNT, 128), nn.SiLU(), nn.Linear(128, CODE_SIZE), nn.Tanh()
        )

    def forward(self, beat: Tensor, mask: Tensor) -> Tensor:
        return self.body(torch.cat([beat.flatten(1), mask], 1))


class Band(nn.Module):
    """The 10 % and 90 % quantiles of lead II, (batch, 2, n), from what the generator is told; no noise goes in."""

    def __init__(self) -> None:
        super().__init__()
        width = 48
        self.body = nn.Sequential(
            nn.Conv1d(CHANNELS + CODE_SIZE + PERSON_SIZE, width, 1),
            nn.SiLU(),
            nn.Conv1d(width, width, 5, padding=2),
            nn.SiLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2),
            nn.SiLU(),
            nn.Conv1d(width, 2, 1),
        )

    def forward(self, channels: Tensor, person: Person) -> Tensor:
        low, spread = self.body(_told(channels, person)).chunk(2, 1)
        return torch.cat([low, low + nn.functional.softplus(spread)], 1)
