"""A model that is damaged or not whole is refused by file and hash."""

import json
import shutil
from pathlib import Path

import pytest

from inference.errors import WeightsCorrupt, WeightsMissing
from inference.model_folder import SHIPPED, read_folder, sha256


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "weights"))


@pytest.mark.parametrize("name", ["beats.safetensors", "generator.safetensors"])
def test_one_flipped_bit_names_the_file_and_both_hashes(weights: Path, name: str):
    content = bytearray((weights / name).read_bytes())
    wanted = sha256(bytes(content))
    content[len(content) // 2] ^= 1
    (weights / name).write_bytes(content)
    found = sha256(bytes(content))
    with pytest.raises(WeightsCorrupt) as caught:
        read_folder(weights, "torch")
    assert str(caught.value) == (
        f"{weights / name} is damaged: its SHA-256 is {found[:12]}..., in model.json {wanted[:12]}..."
    )


def test_a_cut_file_and_one_that_is_gone_are_named(weights: Path):
    file = weights / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(WeightsCorrupt, match=r"generator\.safetensors is damaged"):
        read_folder(weights, "torch")
    file.unlink()
    with pytest.raises(WeightsMissing, match=r"generator\.safetensors is missing"):
        read_folder(weights, "torch")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": ', "\x00"])
def test_a_description_that_is_none_is_named(weights: Path, text: str):
    (weights / "model.json").write_text(text)
    with pytest.raises(WeightsCorrupt, match=r"model\.json cannot be read"):
        read_folder(weights, "torch")


def test_the_shipped_description_holds_the_generators_configuration():
    assert set(json.loads((SHIPPED / "model.json").read_text())["generator"]) >= {"blur", "groups"}
