"""The generator's network: cascaded dilated convolutions at three rates estimate the denoised but blurred leads, then
a learned, time-dependent gain in the DCT deblurs them (our reading of P2Es; docs/model-card.md).

Channels are kept by lead, and every block mixes them with the group's affinity matrix. REACH is the network's reach
on either side in samples; nothing in it normalises over time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from torch import Tensor, nn

from inference.affinity import CODE_SIZE, LEAD_COUNT
from inference.conditions import BEAT_CHANNELS, CHANNELS, PERSON_SIZE
from inference.crop import BEAT_SAMPLES, CROP, HOP, KNOTS, Person
from inference.diffusion import Process, filtered
from inference.items import ItemLinear

__all__ = ["REACH", "Band", "Denoiser", "PersonEncoder", "Told"]

REACH = 28
_WIDTH = 8  # channels of each lead
_HIDDEN = LEAD_COUNT * _WIDTH
_GAIN_KNOTS = 10
_INSIDE = KNOTS - 1  # knots that weigh anything in a crop: the last lies a hop beyond its end


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What every call of one sampling shares. features: (batch, 64, n), added to the taken noise. conditions: of each
    block, (batch, 128, n at its rate), in the order they run. mixing: (batch, 8, 24), the affinity from the leads at
    each knot to each lead."""

    features: Tensor
    conditions: Sequence[Tensor]
    mixing: Tensor


class _Block(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.norm = _ChannelNorm(_HIDDEN)
        self.first = nn.Conv1d(_HIDDEN, 2 * _HIDDEN, 3, padding=dilation, dilation=dilation)
        self.condition = nn.Conv1d(_HIDDEN, 2 * _HIDDEN, 1)
        self.time = ItemLinear(_HIDDEN, 2 * _HIDDEN)
        self.second = nn.Conv1d(_HIDDEN, _HIDDEN, 1)
        self.mix = nn.Parameter(torch.full((_WIDTH,), 0.1))

    def forward(self, x: Tensor, condition: Tensor, time: Tensor, mixing: Tensor) -> Tensor:
        y = self.first(self.norm(x)) + condition + self.time(time)[:, :, None]
        gate, value = y.chunk(2, 1)
        # tanh, which takes torch three times as long as a sigmoid
        tanh = 2 * torch.sigmoid(2 * value) - 1
        y = self.second(torch.sigmoid(gate) * tanh)
        return x + y + self._across_leads(y, mixing)

    def _across_leads(self, y: Tensor, mixing: Tensor) -> Tensor:
        batch, _, n = y.shape
        weight = (_hats(n, y.device)[:_INSIDE, None] * self.mix[:, None])[:, None]
        at_knots = weight * y.view(batch, 1, LEAD_COUNT, _WIDTH, n)  # (batch, knot, lead, width, n)
        # one product for all knots: with one for each, mixing took longer than the convolutions
        return torch.bmm(mixing, at_knots.view(batch, -1, _WIDTH * n)).view(batch, _HIDDEN, n)


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

    n must be a multiple of 4 and crops start at multiples of 4, so that the coarse rates agree between crops.
    use_noise: without, z is read as 0 at every call, in training too: what is left is a regression that deblurs.
    use_dilation: without, every dilation is 1. use_beats: without, the channels that tell the beats are read as 0."""

    def __init__(
        self, process: Process, use_noise: bool = True, use_dilation: bool = True, use_beats: bool = True
    ) -> None:
        super().__init__()
        self.process, self.use_noise, self.use_beats = process, use_noise, use_beats
        wide = 2 if use_dilation else 1
        self.take = nn.Conv1d(LEAD_COUNT, _HIDDEN, 1)
        self.told = nn.Sequential(nn.Conv1d(CHANNELS + CODE_SIZE + PERSON_SIZE, _HIDDEN, 1), nn.SiLU())
        self.clock = nn.Sequential(ItemLinear(33, _HIDDEN), nn.SiLU(), ItemLinear(_HIDDEN, _HIDDEN), nn.SiLU())
        self.at_full = nn.ModuleList([_Block(1), _Block(wide), _Block(1)])
        self.at_half = nn.ModuleList([_Block(1), _Block(wide)])
        self.at_quarter = nn.ModuleList([_Block(1), _Block(1)])
        self.last = nn.ModuleList([_Block(1)])
        self.give = nn.Conv1d(_HIDDEN, LEAD_COUNT, 1)
        self.wiener = ItemLinear(_HIDDEN, _GAIN_KNOTS)

    def forward(self, z: Tensor, t: Tensor, channels: Tensor, person: Person) -> tuple[Tensor, Tensor]:
        blurred, gain = self.estimate(z, t, self.tell(channels, person))
        return blurred, filtered(blurred, gain)

    def tell(self, channels: Tensor, person: Person) -> Told:
        """What does not change from call to call, worked out once."""
        full = self.told(_told(channels, person, self.use_beats))
        half = _pool(full)
        quarter = _pool(half)
        rates = ((self.at_full, full), (self.at_half, half), (self.at_quarter, quarter), (self.last, full))
        conditions = [cast(_Block, block).condition(told) for blocks, told in rates for block in blocks]
        mixing = person.affinity[:, :_INSIDE].transpose(1, 2).reshape(len(full), LEAD_COUNT, -1)
        return Told(full, conditions, mixing)

    def estimate(self, z: Tensor, t: Tensor, told: Told) -> tuple[Tensor, Tensor]:
        """One call: the blurred leads and the gain (batch, 1, n) in the DCT that deblurs them."""
        z = z if self.use_noise else z * 0
        time = self.clock(_time_features(self.process.logsnr(t)))
        conditions = iter(told.conditions)

        def run(blocks: Iterable[nn.Module], x: Tensor) -> Tensor:
            for block in blocks:
                x = block(x, next(conditions), time, told.mixing)
            return x

        full = run(self.at_full, self.take(z) + told.features)
        half = run(self.at_half, _pool(full))
        quarter = run(self.at_quarter, _pool(half))
        half = half + _grow(quarter)
        full = run(self.last, full + _grow(half))
        blurred = self.give(full)
        return blurred, self._gain(t, time, blurred.shape[-1])

    def _gain(self, t: Tensor, time: Tensor, n: int) -> Tensor:
        """Wiener gain d / (d^2 + rho) with rho smooth in frequency, so that its kernel in time stays short."""
        heat = self.process.heat(t, n)
        # in double: the last few values of a short array take another path than the rest, and round otherwise
        knots = nn.functional.softplus(self.wiener(time).double() - 4).float()[:, None]
        rho = nn.functional.interpolate(knots, size=n, mode="linear", align_corners=True)
        return heat * (1 + rho) / (heat**2 + rho)


def _pool(x: Tensor) -> Tensor:
    return (x[..., ::2] + x[..., 1::2]) / 2  # avg_pool1d takes ten times as long


def _grow(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


@cache
@torch.inference_mode(mode=False)  # training may meet what was kept while serving
def _hats(n: int, device: torch.device) -> Tensor:
    """(4, n): weight of each knot at each of n samples of a crop, whatever its rate."""
    rate = CROP / n
    place = (torch.arange(n, device=device) * rate + (rate - 1) / 2) / HOP
    return (1 - (place - torch.arange(KNOTS, device=device)[:, None]).abs()).clamp(min=0)


def _told(channels: Tensor, person: Person, use_beats: bool) -> Tensor:
    n = channels.shape[-1]
    if not use_beats:
        channels = torch.cat([channels[:, :BEAT_CHANNELS] * 0, channels[:, BEAT_CHANNELS:]], 1)
    code = torch.einsum("bkc,kn->bcn", person.code, _hats(n, channels.device))
    return torch.cat([channels, code, person.vector[:, :, None].expand(-1, -1, n)], 1)


def _time_features(logsnr: Tensor) -> Tensor:
    rates = torch.exp(torch.linspace(math.log(0.1), math.log(4.0), 16, device=logsnr.device))
    waves = (logsnr[:, None] * rates).double()  # as in _gain
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

    def __init__(self, use_beats: bool = True) -> None:
        super().__init__()
        self.use_beats = use_beats
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
        low, spread = self.body(_told(channels, person, self.use_beats)).chunk(2, 1)
        return torch.cat([low, low + nn.functional.softplus(spread)], 1)
