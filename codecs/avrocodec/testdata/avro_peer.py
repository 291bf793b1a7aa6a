"""Reads single objects and writes what it read, by two libraries.

Each line of input is the JSON of a schema in hexadecimal, a space, and a single
object in hexadecimal. Each line of output is what fastavro and what avro, the
library of the Avro project, made of it, each with a header of its own; a word in
place of one says that the library does not take it.
"""

import io
import json
import struct
import sys

import avro.io
import avro.schema
import fastavro
import fastavro.schema


def crc64(data):
    empty = 0xC15D213AA4D7A795
    table = []
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ (empty & -(i & 1) & 0xFFFFFFFFFFFFFFFF)
        table.append(i)
    crc = empty
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc


def by_fastavro(text, body):
    schema = json.loads(text)
    parsed = fastavro.parse_schema(schema)
    fingerprint = fastavro.schema.fingerprint(fastavro.schema.to_parsing_canonical_form(schema), "CRC-64-AVRO")
    source = io.BytesIO(body[10:])
    value = fastavro.schemaless_reader(source, parsed, None)
    assert not source.read(1), "bytes are left"
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, value)
    return b"\xc3\x01" + bytes.fromhex(fingerprint) + out.getvalue()


def by_avro(text, body):
    schema = avro.schema.parse(text)
    canonical = schema.canonical_form.encode()
    source = io.BytesIO(body[10:])
    value = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(source))
    assert not source.read(1), "bytes are left"
    out = io.BytesIO()
    avro.io.DatumWriter(schema).write(value, avro.io.BinaryEncoder(out))
    return b"\xc3\x01" + struct.pack("<Q", crc64(canonical)) + out.getvalue()


for line in sys.stdin:
    schema, body = (bytes.fromhex(part) for part in line.split())
    answers = []
    for library in (by_fastavro, by_avro):
        try:
            answers.append(library(schema.decode(), body).hex())
        except Exception as e:  # the other side tells
            print(library.__name__, schema, repr(e), file=sys.stderr)
            answers.append("failed")
    print(*answers)
