"""From the eight generated leads to twelve: Einthoven and Goldberger hold exactly, up to the rounding to microvolts."""

from __future__ import annotations

import numpy as np

__all__ = ["twelve_leads_uv"]


def twelve_leads_uv(generated_mv: np.ndarray) -> np.ndarray:
    """(n, 12) int16 microvolts in LEADS order from (8, n) mV in the order I, II, V1..V6.

    The four derived leads come from the rounded I and II, so that an identity is off by half a microvolt at most."""
    # the augmented leads reach 1.5 times I or II: clip so that no lead leaves int16 or meets the abstention mark
    uv = np.clip(np.rint(generated_mv * 1000), -20_000, 20_000)
    one, two = uv[0], uv[1]
    limbs = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.rint(np.stack([*limbs, *uv[2:]], 1)).clip(-32_767, 32_767).astype(np.int16)
