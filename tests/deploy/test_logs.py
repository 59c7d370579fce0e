"""What a log collector reads."""

import json
import logging
from datetime import datetime

from deploy.logs import formatter


def test_a_json_line_names_time_level_stage_and_logger_and_stays_one_line():
    record = logging.LogRecord("stream.kafka", logging.WARNING, "f", 1, "no broker at %s\nyet", ("x:1",), None)
    line = formatter("json", "infer").format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert abs(datetime.fromisoformat(found.pop("time")).timestamp() - record.created) < 1
    assert found == {"level": "WARNING", "logger": "stream.kafka", "message": "no broker at x:1\nyet", "stage": "infer"}
