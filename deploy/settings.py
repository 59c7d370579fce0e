"""All settings as one typed object: defaults of the rooms, p2es.toml, the environment, flags; the later wins.

A key is written as in the file, `infer.engine.calls`; in the environment P2ES_INFER__ENGINE__CALLS; as a flag
`--set infer.engine.calls=4`. An unknown key is refused with the nearest known one."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import os
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from deploy.errors import BadSettings
from deploy.health import HealthSettings
from inference.alerts.limits import Limits
from inference.alerts.process import AlertSettings
from inference.settings import WorkerSettings
from ingest.settings import CollectSettings, DeviceSettings
from sinks.settings import GrafanaSettings, InfluxSettings, MonitorSettings, RecordSettings
from stream.kafka import KafkaSettings
from stream.messages import Demographics, implausible
from stream.settings import WindowSettings

__all__ = [
    "FILE_NAME",
    "Patient",
    "Settings",
    "alert_settings",
    "as_toml",
    "calibration_files",
    "known_people",
    "read_settings",
]

FILE_NAME = "p2es.toml"
_PREFIX = "P2ES_"


@dataclass(frozen=True, slots=True)
class Patient:
    """What is known of a person; all may be left out. sex: F or M. calibration: the file that p2es calibrate made.
    limits: only what differs from alert.limits."""

    age_years: float | None = None
    sex: str | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    calibration: Path | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class AlertTable:
    """limits: of everybody who has none of their own in patients.ID.limits."""

    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Settings:
    """One table for each process, the patients and the devices."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    collect: CollectSettings = field(default_factory=CollectSettings)
    window: WindowSettings = field(default_factory=WindowSettings)
    infer: WorkerSettings = field(default_factory=WorkerSettings)
    alert: AlertTable = field(default_factory=AlertTable)
    record: RecordSettings = field(default_factory=RecordSettings)
    monitor: MonitorSettings = field(default_factory=MonitorSettings)
    influx: InfluxSettings = field(default_factory=InfluxSettings)
    grafana: GrafanaSettings = field(default_factory=GrafanaSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    patients: dict[str, Patient] = field(default_factory=dict)
    devices: dict[str, DeviceSettings] = field(default_factory=dict)


_BY_NAME: dict[str, type] = {"patients": Patient, "devices": DeviceSettings}  # tables with a table for each name


def read_settings(
    file: Path | None = None, environment: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Settings:
    """Merge and check. file: p2es.toml in the working folder when left out, if it is there. Raises BadSettings."""
    table = _table_of(file)
    for name, value in sorted((os.environ if environment is None else environment).items()):
        if name.startswith(_PREFIX):
            _put(table, name[len(_PREFIX) :].lower().split("__"), value, f"environment variable {name}")
    for key, value in (flags or {}).items():
        _put(table, key.split("."), value, f"--set {key}")
    _check_keys(table)
    limits = table.get("alert", {}).get("limits", {})
    for person in table.get("patients", {}).values():
        person["limits"] = limits | person.get("limits", {})
    try:
        settings = TypeAdapter(Settings).validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadSettings(f"setting {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
    _check_values(settings)
    return settings


def known_people(settings: Settings) -> dict[str, Demographics]:
    """Demographics of the patients the settings know anything of."""
    people = {
        name: Demographics(one.age_years, one.sex, one.height_cm, one.weight_kg)
        for name, one in settings.patients.items()
    }
    return {name: one for name, one in people.items() if one != Demographics()}


def calibration_files(settings: Settings) -> dict[str, Path]:
    """Calibration file of each patient that has one."""
    return {name: one.calibration for name, one in settings.patients.items() if one.calibration is not None}


def alert_settings(settings: Settings) -> AlertSettings:
    """Limits of everybody and of each patient."""
    return AlertSettings(settings.alert.limits, {name: one.limits for name, one in settings.patients.items()})


def as_toml(settings: Settings) -> str:
    """Every key with its value, as a file that `read_settings` takes; what they mean stands above each table."""
    lines = ["# p2es settings. A line that is left out keeps its default.", ""]
    lines += _toml(settings, "")
    return "\n".join(lines) + "\n"


def _toml(value: Any, name: str) -> Iterator[str]:
    plain, nested = [], []
    for item in dataclasses.fields(value):
        each = getattr(value, item.name)
        key = f"{name}.{item.name}" if name else item.name
        if isinstance(each, dict):
            nested += [(f"{key}.{_key(one)}", table) for one, table in each.items()] or [(f"{key}.ID", _BY_NAME[key]())]
        elif dataclasses.is_dataclass(each):
            nested.append((key, each))
        else:
            secret = each is not None and ("password" in item.name or item.name == "token")
            plain.append(
                f"# {item.name} = (set, not shown)"
                if secret
                else f"# {item.name} ="
                if each is None
                else f"{item.name} = {_literal(each)}"
            )
    if name and plain:
        doc = " ".join((type(value).__doc__ or "").split())
        example = "# " if ".ID" in name else ""
        yield from (f"# {line}" for line in textwrap.wrap(doc, 110))
        yield f"{example}[{name}]"
        yield from (line if line.startswith("#") else example + line for line in plain)
        yield ""
    for key, each in nested:
        yield from _toml(each, key)


def _key(name: str) -> str:
    """As TOML writes it: bare where it may be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str | Path) else str(value)


def _table_of(file: Path | None) -> dict[str, Any]:
    if file is None:
        file = Path(FILE_NAME)
        if not file.exists():
            return {}
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError as error:
        raise BadSettings(f"{file}: no such settings file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{file} is not valid TOML: {error}") from error


def _put(table: dict[str, Any], path: list[str], value: str, origin: str) -> None:
    for number, part in enumerate(path[:-1]):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise BadSettings(f"{origin}: {'.'.join(path[: number + 1])} is no table")
    table[path[-1]] = value


def _check_keys(table: Mapping[str, Any], kind: type = Settings, name: str = "") -> None:
    hints = get_type_hints(kind)
    for key, value in table.items():
        full = f"{name}.{key}" if name else key
        if key not in hints:
            near = difflib.get_close_matches(key, list(hints), 1, 0.4)
            wanted = f"; did you mean {name + '.' if name else ''}{near[0]}?" if near else ""
            raise BadSettings(f"unknown setting {full}{wanted} (p2es settings lists all)")
        if kind is Settings and key in _BY_NAME:
            for one, facts in value.items():
                if not isinstance(facts, dict):
                    raise BadSettings(f"setting {key}.{one} is no table")
                _check_keys(facts, _BY_NAME[key], f"{key}.{one}")
        elif dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise BadSettings(f"setting {full} is a table, not a value")
            _check_keys(value, hints[key], full)  # pyright: ignore[reportArgumentType]


def _check_values(settings: Settings) -> None:
    """What types cannot say."""
    for name, one in settings.patients.items():
        person = Demographics(one.age_years, one.sex, one.height_cm, one.weight_kg)
        for field_name, wrong in implausible(person).items():
            raise BadSettings(f"setting patients.{name}.{field_name}: {wrong}")
        if one.limits.heart_rate_low >= one.limits.heart_rate_high:
            raise BadSettings(f"setting patients.{name}.limits: heart_rate_low is not below heart_rate_high")
    for name, one in settings.devices.items():
        if one.polarity not in (None, 1, -1):
            raise BadSettings(f"setting devices.{name}.polarity: 1 or -1, not {one.polarity}")
    if settings.collect.raw_mb != 0 and not 1 <= settings.collect.raw_mb < math.inf:
        raise BadSettings(f"setting collect.raw_mb: at least 1, or 0 for all, not {settings.collect.raw_mb:g}")
    if settings.infer.backlog not in ("keep", "freshest"):
        raise BadSettings(f"setting infer.backlog: keep or freshest, not {settings.infer.backlog}")
    engine = settings.infer.engine
    if engine.runtime not in ("torch", "onnx"):
        raise BadSettings(f"setting infer.engine.runtime: torch or onnx, not {engine.runtime}")
    if engine.device not in ("auto", "cpu", "cuda"):
        raise BadSettings(f"setting infer.engine.device: auto, cpu or cuda, not {engine.device}")
    if engine.runtime == "onnx" and engine.device == "cuda":
        raise BadSettings("setting infer.engine.device: onnx runs on the cpu; cuda is torch's")
    if engine.sampler not in ("ancestral", "ddim", "dpmpp_2m"):
        raise BadSettings(f"setting infer.engine.sampler: ancestral, ddim or dpmpp_2m, not {engine.sampler}")
    for key in ("calls", "batch", "threads"):
        if getattr(engine, key) < 1:
            raise BadSettings(f"setting infer.engine.{key}: at least 1")
    for key in ("band_wider", "own_band_wider"):
        if not getattr(engine, key) >= 0:
            raise BadSettings(f"setting infer.engine.{key}: a share of the band's width, at least 0")
