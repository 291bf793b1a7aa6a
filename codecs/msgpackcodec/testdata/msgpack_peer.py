"""Reads encodings in hexadecimal, one a line, and answers each with its own of the same value.

Before that it writes one of a value of its own.
"""
import datetime
import sys

import msgpack

native = {
    "name": "Ada",
    "raw": bytes(range(256)),
    "at": datetime.datetime(1815, 12, 10, 1, 2, 3, 456789, datetime.timezone.utc),
    "big": 2**64 - 1,
    "low": -(2**63),
    "ratio": 0.1,
    "whole": 3.0,
    "by": {1: [True], -300: []},
    "nothing": None,
    "more": {"deep": [[{"x": 1}]], "ext": msgpack.ExtType(5, b"abc")},
}
print(msgpack.packb(native, datetime=True).hex())
for line in sys.stdin:
    value = msgpack.unpackb(bytes.fromhex(line.strip()), timestamp=0, strict_map_key=False)
    print(msgpack.packb(value).hex())
