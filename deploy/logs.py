"""Log lines: for people, or as JSON for a log collector."""

from __future__ import annotations

import logging

from pythonjsonlogger.json import JsonFormatter

__all__ = ["FORMATS", "formatter", "set_up_logging"]

FORMATS = ("text", "json")
_NOISY = ("aiokafka", "faust", "mode")  # what matters of these we say ourselves


def set_up_logging(level: str, form: str, command: str) -> None:
    """To stderr. level: debug, info, warning or error. form: text or json. command: named in every line."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form, command))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def formatter(form: str, command: str) -> logging.Formatter:
    """One object a line with time, level, stage, logger and message; or the same for the eye."""
    if form == "text":
        return logging.Formatter(f"%(asctime)s %(levelname)s {command} %(name)s: %(message)s")
    return JsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        static_fields={"stage": command},
        timestamp="time",
        json_ensure_ascii=False,
    )
