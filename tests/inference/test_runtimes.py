"""The networks on onnxruntime: torch's estimates on real recordings, without torch; hashes and shapes checked."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.stack.demo import DEMO_RECORDING
from inference.engine import Engine, _crops
from inference.errors import RuntimeMissing, WeightsCorrupt, WeightsMissing, WeightsUnfit
from inference.model_folder import SHIPPED, sha256
from inference.runtimes import load_networks
from inference.settings import EngineSettings
from ingest.recordings import first_seconds, read_recording
from ingest.session import ppg_chunks
from stream.messages import ABSTAINED_UV, Demographics
from stream.windows import DeviceWindows
from tests.inference.students import with_a_student, without_a_student

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (p2es[onnx])")
pytest.importorskip("onnx", reason="onnx is not installed (p2es[export])")

ROOT = Path(__file__).parents[2]
RECORDINGS = [DEMO_RECORDING, ROOT / "tests/data/bidmc01-60s", ROOT / "tests/data/a152s-60s"]
BATCH = 4


def windows(path, seconds=60):
    device, found = DeviceWindows(clock=lambda: 0), []
    for chunk in ppg_chunks(first_seconds(read_recording(path), seconds), path.name, "d"):
        found += device.push(chunk).segments
    return found + device.flush()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return with_a_student(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def folder(weights, tmp_path_factory):
    from inference.runtimes.export import export
    from inference.weights_file import load_weights

    path = tmp_path_factory.mktemp("onnx")
    export(load_weights(weights), path, BATCH)
    return path


@pytest.fixture(scope="module")
def onnx(folder):
    return Engine.load(EngineSettings(runtime="onnx", weights=folder, batch=BATCH))


@pytest.fixture(scope="module")
def torch(weights):
    return Engine.load(EngineSettings(weights=weights, batch=BATCH))


@pytest.fixture(scope="module")
def students(folder, weights):
    """The engines on onnxruntime and on torch."""
    both = [EngineSettings(runtime="onnx", weights=folder), EngineSettings(weights=weights)]
    return [Engine.load(replace(one, batch=BATCH, denoiser="student")) for one in both]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
@pytest.mark.parametrize(
    "chosen",
    [{}, {"calls": 4}, {"sampler": "ddim"}, {"denoiser": "student"}, {"denoiser": "student", "calls": 1}],
    ids=str,
)
def test_the_same_estimates_as_torch_to_a_hundredth_of_a_microvolt(onnx, torch, students, path, chosen):
    segments = [replace(one, demographics=Demographics(61, "F", None, 80)) for one in windows(path)]
    engines = students if "denoiser" in chosen else (onnx, torch)
    made, wanted = (Engine(one.networks, replace(one.settings, **chosen)).infer(segments) for one in engines)
    leads, true = (np.concatenate([one.leads_uv for one in each]).astype(float) for each in (made, wanted))
    assert (true != ABSTAINED_UV).any(1).sum() > 50 * 128
    np.testing.assert_array_equal(leads == ABSTAINED_UV, true == ABSTAINED_UV)
    assert np.sqrt(np.mean((leads - true) ** 2)) < 0.03  # the demand is 1 uV
    assert np.abs(leads - true).max() <= 2  # a derived lead from two that were rounded otherwise
    bands, limits = (np.concatenate([one.band_uv for one in each]).astype(float) for each in (made, wanted))
    assert np.abs(bands - limits).max() <= 1
    for one, other in zip(made, wanted, strict=True):
        assert len(one.beats_ns) == len(other.beats_ns)
        assert np.abs(one.beats_ns - other.beats_ns).max(initial=0) <= 1000
        np.testing.assert_allclose(one.beat_confidence, other.beat_confidence, atol=1e-5)
        assert one.abstained == other.abstained
        assert one.model_id == engines[1].networks.weights_id + ("-onnx-student" if "denoiser" in chosen else "-onnx")
        assert other.model_id == engines[1].model_id


def test_the_network_is_the_same_to_the_last_bit_at_every_place_in_a_batch(onnx):
    seen = onnx._beats(windows(DEMO_RECORDING)[:BATCH])
    crops = [crop for i, one in enumerate(seen) for crop in _crops(i, one.segment)][:BATCH]
    together, band = onnx._generate(seen, crops)
    for place, crop in enumerate(crops):
        for at in range(BATCH):
            moved = [crops[(place + 1) % BATCH]] * BATCH
            moved[at] = crop
            alone, alone_band = onnx._generate(seen, moved)
            np.testing.assert_array_equal(alone[at], together[place])
            np.testing.assert_array_equal(alone_band[at], band[place])


def test_beats_are_the_same_to_the_last_bit_at_every_place_in_a_batch(onnx):
    features = np.random.default_rng(0).normal(size=(BATCH, 3, 1280)).astype(np.float32)
    together = onnx.networks.beat_probability(features)
    for shift in range(1, BATCH):
        moved = onnx.networks.beat_probability(np.roll(features, shift, 0))
        np.testing.assert_array_equal(np.roll(moved, -shift, 0), together)


def test_a_person_s_own_code_is_torch_s_and_may_replace_the_prototype(onnx, torch):
    rng = np.random.default_rng(0)
    beat, known = rng.normal(size=(8, 90)).astype(np.float32), (rng.random(8) < 0.5).astype(np.float32)
    vectors, shapes = np.zeros((BATCH, 8), np.float32), np.zeros((BATCH, 4, 16), np.float32)
    bands = []
    for networks in (onnx.networks, torch.networks):
        code = networks.own_code(beat * known[:, None], known)
        person = networks.person(networks.array(vectors), networks.array(shapes))
        person.code[1] = code
        given = networks.array(np.zeros((BATCH, 18, 512), np.float32))
        bands.append(networks.values(networks.band(given, person)))
    np.testing.assert_allclose(*bands, atol=1e-5)
    np.testing.assert_array_equal(bands[0][0], bands[0][2])
    assert np.abs(bands[0][1] - bands[0][0]).max() > 0.01


def test_where_numpy_put_its_arrays_changes_nothing(onnx):
    features = np.random.default_rng(0).normal(size=(BATCH, 3, 1280)).astype(np.float32)
    apart = np.empty(features.size + 1, np.float32)[1:].reshape(features.shape)
    apart[:] = features
    assert apart.ctypes.data % 64 != features.ctypes.data % 64
    np.testing.assert_array_equal(onnx.networks.beat_probability(apart), onnx.networks.beat_probability(features))


def test_the_description_names_every_file_by_its_hash(folder, torch):
    facts = json.loads((folder / "model.json").read_text())
    assert sorted(facts["sha256"]) == [
        "band.onnx",
        "beats.onnx",
        "code.onnx",
        "denoise-student.onnx",
        "denoise.onnx",
        "person.onnx",
        "tell-student.onnx",
        "tell.onnx",
        "typical_beat.safetensors",
    ]
    assert {*facts["sha256"], "model.json"} == {file.name for file in folder.iterdir()}
    assert all(sha256((folder / name).read_bytes()) == wanted for name, wanted in facts["sha256"].items())
    assert (facts["batch"], facts["model_id"]) == (BATCH, torch.model_id + "-onnx")
    np.testing.assert_array_equal(np.float32(facts["lead_scale_mv"]), torch.networks.lead_scale)


def test_the_same_weights_give_the_same_files(folder, weights, tmp_path):
    from inference.runtimes.export import export
    from inference.weights_file import load_weights

    export(load_weights(weights), tmp_path, BATCH)
    assert (tmp_path / "model.json").read_bytes() == (folder / "model.json").read_bytes()


def test_a_model_without_a_student_is_exported_without_and_says_so_when_asked(tmp_path):
    from inference.runtimes.export import export
    from inference.weights_file import load_weights

    export(load_weights(without_a_student(tmp_path / "weights")), tmp_path / "onnx", BATCH)
    assert not list((tmp_path / "onnx").glob("*student*"))
    with pytest.raises(WeightsUnfit, match=r"-onnx holds no student: set infer.engine.denoiser=teacher"):
        load_networks(EngineSettings(runtime="onnx", weights=tmp_path / "onnx", batch=BATCH, denoiser="student"))


def test_the_command_exports_the_model_of_the_settings(folder, weights, tmp_path):
    chosen = [f"infer.engine.batch={BATCH}", f"infer.engine.weights={weights}"]
    options = [*(word for one in chosen for word in ("--set", one)), "export-onnx", "-o", str(tmp_path)]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0, done.output
    assert f"batches of {BATCH}" in done.output
    assert (tmp_path / "model.json").read_bytes() == (folder / "model.json").read_bytes()


NOT_INSTALLED = """
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, NotInstalled())
"""
GENERATE = """
import sys
from pathlib import Path
from deploy.generate import generate
from inference.engine import Engine
from inference.settings import EngineSettings
import inference.worker
from ingest.recordings import first_seconds, read_recording
engine = Engine.load(EngineSettings(runtime="onnx", weights=Path({folder!r}), batch={batch}))
generate(first_seconds(read_recording(Path({record!r})), 20), Path({out!r}), engine, "p")
print(sys.modules.get("torch"), len([name for name in sys.modules if name.startswith("torch.")]))
"""


@pytest.mark.parametrize("blocked", [False, True], ids=["torch at hand", "no torch"])
def test_an_edge_box_never_loads_torch(folder, tmp_path, blocked):
    code = GENERATE.format(folder=str(folder), batch=BATCH, record=str(RECORDINGS[1]), out=str(tmp_path))
    code = NOT_INSTALLED + code if blocked else code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["None", "0"]
    assert (tmp_path / "bidmc01-60s.dat").stat().st_size == 2 * 12 * 2559  # 20 s but for the last sample's length


def test_what_needs_torch_says_so_in_one_line(tmp_path):
    code = NOT_INSTALLED + "from deploy.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "export-onnx", "-o", str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "p2es: torch is not installed: this command needs p2es[torch]\n")


@pytest.mark.parametrize(("runtime", "library"), [("torch", "torch"), ("onnx", "onnxruntime")])
def test_without_its_library_a_runtime_says_what_to_install(monkeypatch, runtime, library):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"inference.runtimes.on_{runtime}", raising=False)
    with pytest.raises(RuntimeMissing, match=rf"{library} is not installed: install p2es\[{runtime}\], or set"):
        load_networks(EngineSettings(runtime=runtime))


def test_a_damaged_file_is_named_with_its_hash(folder, tmp_path):
    path = tmp_path / "damaged"
    shutil.copytree(folder, path)
    content = bytearray((path / "denoise.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (path / "denoise.onnx").write_bytes(content)
    found, wanted = sha256(bytes(content))[:12], sha256((folder / "denoise.onnx").read_bytes())[:12]
    with pytest.raises(WeightsCorrupt, match=rf"denoise.onnx is damaged: its SHA-256 is {found}.*{wanted}"):
        Engine.load(EngineSettings(runtime="onnx", weights=path, batch=BATCH))


def test_what_is_missing_or_made_for_something_else_says_what_to_do(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "some")
    (tmp_path / "some/band.onnx").unlink()
    for settings, error, says in (
        (EngineSettings(runtime="onnx"), WeightsMissing, "p2es export-onnx -o DIR"),
        (EngineSettings(runtime="onnx", weights=tmp_path / "none"), WeightsMissing, "model.json is missing"),
        (EngineSettings(runtime="onnx", weights=tmp_path / "some", batch=BATCH), WeightsMissing, "band.onnx"),
        (EngineSettings(runtime="onnx", weights=folder, batch=BATCH + 1), WeightsUnfit, f"batches of {BATCH}"),
        (EngineSettings(runtime="onnx", weights=SHIPPED), WeightsUnfit, "model for torch.*p2es export-onnx"),
        (EngineSettings(weights=folder), WeightsUnfit, "model for onnx"),
    ):
        with pytest.raises(error, match=says):
            load_networks(settings)
