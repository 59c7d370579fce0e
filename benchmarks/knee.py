"""How many patients this machine carries: virtual wearables doubled until a window needs more than 2 s from its closing
to its confirmed write, or is lost. On the testbed's real Kafka and InfluxDB, which it brings up.

Run: `python -m benchmarks.knee` (about 2 minutes a step), or with numbers of patients of your own."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from deploy.testbed.testbed import bring_up

_MOST_S = 2.0


def load(settings: str, patients: int, seconds: float, options: list[str]) -> dict:
    """One run of `p2es load`."""
    command = [sys.executable, "-m", "deploy.cli", "--log-level", "error", "--settings", settings, "load", "--json"]
    command += ["--patients", str(patients), "--seconds", str(seconds), *options]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if not done.stdout:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout)


def carries(found: dict) -> bool:
    """Nothing lost or there twice, and in time."""
    whole = not (found["lost"] or found["duplicated"] or found["samples"]["lost"] or found["samples"]["duplicated"])
    return whole and found["write_p99_s"] <= _MOST_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "patients", nargs="*", type=int, help="steps; 25, 50, 100, ... until it is too much when left out"
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    asked, options = parser.parse_known_args()  # what is not ours is for `p2es load`
    settings = str(bring_up(lambda line: print(line, file=sys.stderr)))
    steps = iter(asked.patients or (25 * 2**k for k in range(6)))
    found = []
    if not asked.json:
        print(f"{os.cpu_count()} cores\n{'patients':>8s} {'lost':>5s} {'twice':>5s} {'p50 s':>6s} {'p99 s':>6s}  cores")
    for patients in steps:
        found.append(load(settings, patients, asked.seconds, options))
        one = found[-1]
        if not asked.json:
            cores = "  ".join(f"{name} {cost['cores']:.2f}" for name, cost in one["stages"].items())
            figures = f"{one['lost']:5d} {one['duplicated']:5d} {one['write_p50_s']:6.2f} {one['write_p99_s']:6.2f}"
            print(f"{patients:8d} {figures}  {cores}", flush=True)
        if not carries(one) and not asked.patients:
            break
    if asked.json:
        json.dump({"cores": os.cpu_count(), "runs": found}, sys.stdout)


if __name__ == "__main__":
    main()
