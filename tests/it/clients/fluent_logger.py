"""Sends by PyPI's fluent-logger."""

import json
import sys

from fluent import asyncsender, sender

orders = json.load(sys.stdin)
kind = asyncsender.FluentSender if orders["options"].get("asynchronous") else sender.FluentSender
logger = kind(
    orders["tag"],
    host=orders["host"],
    port=orders["port"],
    timeout=30.0,
    nanosecond_precision=orders["options"].get("nanosecond_precision", False),
)
special = {
    "message": "special",
    "bytes": b"A\xff\x00\\",
    "nan": float("nan"),
    "infinite": float("-inf"),
    "nul": "a\0b",
}
for record in [*orders["records"], special]:
    if not logger.emit("app", record):
        sys.exit(f"{logger.last_error!r}")
logger.close()
