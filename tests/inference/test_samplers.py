"""Forward process and samplers against closed forms."""

import numpy as np
import pytest
import torch
from scipy import fft

from inference.diffusion import Process, dct, idct
from inference.samplers import SAMPLERS


def test_dct_is_scipys_and_inverts():
    x = torch.randn(2, 3, 128, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(dct(x).numpy(), np.asarray(fft.dct(x.numpy(), norm="ortho")), atol=1e-5)
    torch.testing.assert_close(idct(dct(x)), x, atol=1e-5, rtol=0)


def test_numpy_and_torch_have_the_same_schedules():
    process, t = Process(blur=2.0), torch.linspace(0.01, 0.99, 7)
    for work in (
        process.logsnr,
        process.sigma,
        lambda each: process.alpha(each, 64),
        lambda each: process.heat(each, 64),
    ):
        found = work(t.numpy())
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, work(t).numpy(), rtol=2e-5)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
@pytest.mark.parametrize("calls", [1, 2, 4])
def test_a_sampler_gives_numpy_what_it_gives_torch(name, calls):
    process, n = Process(blur=2.0), 128
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(3, 8, n)).astype(np.float32) for _ in range(calls)]

    def denoise(z, t):
        return 0.5 * z / (1 + z**2) + t[:, None, None]

    found = SAMPLERS[name](denoise, process, noise, process.grid(calls))
    wanted = SAMPLERS[name](denoise, process, [torch.from_numpy(one) for one in noise], process.grid(calls))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-5)


def test_diffuse_has_the_stated_moments():
    process, n = Process(blur=2.0), 256
    t = torch.full((400,), 0.6)
    x = torch.sin(torch.arange(n) / 7).expand(400, 1, n)
    noise = torch.randn(400, 1, n, generator=torch.Generator().manual_seed(1))
    z = dct(process.diffuse(x, t, noise))
    mean = process.alpha(t, n)[0, 0] * dct(x)[0, 0]
    sd = process.sigma(t)[0, 0, 0]
    assert ((z[:, 0].mean(0) - mean).abs() / sd * 20).max() < 4.5
    assert (z[:, 0].std(0) / sd - 1).abs().max() < 0.2


def test_the_time_grid_is_uniform_in_logsnr():
    process = Process()
    grid = torch.tensor(process.grid(4), dtype=torch.float64)
    torch.testing.assert_close(process.logsnr(grid), torch.linspace(-6, 6, 5, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("name", "tolerance"), [("ddim", 0.12), ("dpmpp_2m", 0.06), ("ancestral", 0.25)])
def test_many_steps_give_the_variance_of_a_gaussian(name, tolerance):
    # the exact denoiser of N(0, S) per frequency: alpha S u / (alpha^2 S + sigma^2)
    process, n, batch = Process(blur=2.0), 64, 600
    spectrum = torch.exp(-torch.arange(n) / 12.0)

    def denoise(z, t):
        alpha, sigma = process.alpha(t, n), process.sigma(t)
        return idct(alpha * spectrum * dct(z) / (alpha**2 * spectrum + sigma**2))

    generator = torch.Generator().manual_seed(2)
    noise = [torch.randn(batch, 1, n, generator=generator) for _ in range(41)]
    sample = SAMPLERS[name](denoise, process, noise, process.grid(40))
    ratio = (dct(sample)[:, 0].var(0) / spectrum)[:16].mean()
    assert abs(float(ratio) - 1) < tolerance + 0.1
