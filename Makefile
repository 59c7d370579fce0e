# Every target makes its own virtual environment; nothing else has to be installed by hand but Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench load fuzz format clean help
.DEFAULT_GOAL := test

$(READY): pyproject.toml constraints.txt
	@echo "p2es: making the virtual environment in $(VENV) (torch is large: a few minutes the first time)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "uv==$$(sed -n 's/^# uv==//p' constraints.txt)"
	$(BIN)/uv pip install --python $(BIN)/python --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(READY)  ## the whole chain on a shipped recording, with the live page
	$(BIN)/p2es demo

test: $(READY)  ## run every test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

check: $(READY)  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

bench: $(READY)  ## time the stages against a baseline in the same run
	$(BIN)/python -m benchmarks.stages

load: $(READY)  ## how many patients this machine carries, on a real Kafka and InfluxDB
	$(BIN)/python -m benchmarks.knee

SECONDS ?= 120
fuzz: $(READY)  ## every decoder under coverage-guided fuzzing, SECONDS each
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable ".[dev,fuzz]"
	for name in $$($(BIN)/python -m tests.fuzz.fuzz_decoders --list); do \
		$(BIN)/python -m tests.fuzz.fuzz_decoders $$name -max_total_time=$(SECONDS) || exit 1; \
	done

format: $(READY)  ## rewrite the layout and order the imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what the targets made
	rm -rf $(VENV) build *.egg-info

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1: /p' Makefile
