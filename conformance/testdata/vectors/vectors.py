"""Python's side of the vectors: writes values.json in every format, or reads what somebody else wrote.

    python vectors.py write              prints the encodings of all values, as python.json holds them
    python vectors.py read               of lines {"format", "type", "body"} prints a value each, as values.json has them
    python vectors.py write-containers   prints container files of Avro by compression and type, as python-containers.json holds them
    python vectors.py read-containers    of lines {"format": compression, "type", "body"} prints the list of the values of each file

How values.json writes a value: integers in decimal; floats as the hexadecimal of their bits, or NaN; bytes in
hexadecimal; times as seconds:nanoseconds since 1970; maps as pairs, in the order of the bytes of their keys' text.
Bodies of text formats are text, others hexadecimal.
"""
import base64
import datetime
import io
import json
import math
import os
import re
import struct
import sys
import xml.etree.ElementTree as ET

import fastavro
import google.protobuf
import msgpack
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

HERE = os.path.dirname(os.path.abspath(__file__))


def load(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return json.load(f)


VALUES = load("values.json")
TYPES = VALUES["types"]
INTEGERS = {"int8", "int32", "int64", "uint32", "uint64", "duration"}
EPOCH = datetime.datetime(1970, 1, 1)


def split(t):
    """The first word of a type, and the type of what it holds: ("list", "int64")."""
    head, _, rest = t.partition(" ")
    if head == "map":
        key, _, rest = rest.partition(" ")
        return "map", (key, rest)
    return head, rest


def to_float(t, text):
    if text == "NaN":
        return math.nan
    return struct.unpack(">f" if t == "float32" else ">d", bytes.fromhex(text))[0]


def from_float(t, x):
    if math.isnan(x):
        return "NaN"
    return struct.pack(">f" if t == "float32" else ">d", x).hex()


def to_time(text):
    seconds, nanos = text.split(":")
    return int(seconds), int(nanos)


def time_text(seconds, nanos):
    text = (EPOCH + datetime.timedelta(seconds=seconds)).isoformat()
    return text + (f".{nanos:09d}".rstrip("0") if nanos else "") + "Z"


def time_value(text):
    whole, fraction = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z", text).groups()
    delta = datetime.datetime.fromisoformat(whole) - EPOCH
    return f"{delta.days * 86400 + delta.seconds}:{int((fraction or '').ljust(9, '0'))}"


def from_key(t, key):
    """A key as values.json has it: its text."""
    if t == "bool":
        return "true" if key in (True, "true") else "false"
    return str(key)


def sorted_pairs(pairs):
    return sorted(pairs, key=lambda p: p[0].encode())


class Plain:
    """Values as dictionaries and lists, as JSON, MessagePack and Avro want them. The formats differ in scalars."""

    def put(self, t, v):
        head, of = split(t)
        if head == "list":
            return [self.put(of, x) for x in v]
        if head == "map":
            return {self.put_key(of[0], k): self.put(of[1], x) for k, x in v}
        if head == "optional":
            return self.put(of, v)
        if head in TYPES:
            return self.put_struct(head, v)
        return self.put_scalar(head, v)

    def put_struct(self, t, v):
        return {name: self.put(of, v[name]) for name, of in TYPES[t].items() if name in v}

    def get(self, t, v):
        head, of = split(t)
        if head == "list":
            return [self.get(of, x) for x in v]
        if head == "map":
            return sorted_pairs([from_key(of[0], k), self.get(of[1], x)] for k, x in v.items())
        if head == "optional":
            return self.get(of, v)
        if head in TYPES:
            return {name: self.get(of, v[name]) for name, of in TYPES[head].items() if v.get(name) is not None}
        return self.get_scalar(head, v)

    def put_scalar(self, t, v):
        if t in INTEGERS:
            return int(v)
        return to_float(t, v) if t.startswith("float") else v

    def get_scalar(self, t, v):
        if t in INTEGERS:
            assert type(v) is int, v
            return str(v)
        return from_float(t, v) if t.startswith("float") else v


class Json(Plain):
    def write(self, t, v):
        return json.dumps(self.put(t, v), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def read(self, t, body):
        # Python takes -0 for an integer, which has no sign.
        return self.get(t, json.loads(body, parse_int=lambda s: -0.0 if s == "-0" else int(s)))

    def put_key(self, _, key):
        return key

    def put_scalar(self, t, v):
        if t == "bytes":
            return base64.b64encode(bytes.fromhex(v)).decode()
        if t == "time":
            return time_text(*to_time(v))
        v = super().put_scalar(t, v)
        if isinstance(v, float) and not math.isfinite(v):
            return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
        return v

    def get_scalar(self, t, v):
        if t == "bytes":
            return base64.b64decode(v, validate=True).hex()
        if t == "time":
            return time_value(v)
        return super().get_scalar(t, float(v) if t.startswith("float") else v)


class MessagePack(Plain):
    def write(self, t, v):
        return msgpack.packb(self.put(t, v)).hex()

    def read(self, t, body):
        return self.get(t, msgpack.unpackb(bytes.fromhex(body), timestamp=0, strict_map_key=False))

    def put_key(self, t, key):
        return key == "true" if t == "bool" else int(key) if t in INTEGERS else key

    def put_scalar(self, t, v):
        if t == "bytes":
            return bytes.fromhex(v)
        if t == "time":
            return msgpack.Timestamp(*to_time(v))
        return super().put_scalar(t, v)

    def get_scalar(self, t, v):
        if t == "bytes":
            return v.hex()
        if t == "time":
            return f"{v.seconds}:{v.nanoseconds}"
        return super().get_scalar(t, v)


class Protobuf:
    def __init__(self):
        self.classes = {}
        for name, descriptor in load("protobuf.json").items():
            pool = descriptor_pool.DescriptorPool()
            pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
            file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(descriptor))
            pool.Add(file)
            full = f"{file.package}.{file.message_type[0].name}".lstrip(".")
            self.classes[name] = message_factory.GetMessageClass(pool.FindMessageTypeByName(full))

    def write(self, t, v):
        m = self.classes[t]()
        self.fill(m, t, v)
        return m.SerializeToString(deterministic=True).hex()

    def read(self, t, body):
        return self.values(self.classes[t].FromString(bytes.fromhex(body)), t)

    def fill(self, m, t, v):
        for name, of in TYPES[t].items():
            if name in v:
                self.put(m, name, of, v[name])

    def put(self, m, name, t, v):
        head, of = split(t)
        if head == "optional":
            return self.put(m, name, of, v)
        field = getattr(m, name)
        if head == "list":
            for x in v:
                self.add(field, of, x)
        elif head == "map":
            for k, x in v:
                field[MessagePack().put_key(of[0], k)] = self.scalar(of[1], x)
        elif head in TYPES:
            field.SetInParent()
            self.fill(field, head, v)
        elif head == "time":
            field.seconds, field.nanos = to_time(v)
        else:
            setattr(m, name, self.scalar(head, v))

    def add(self, field, t, x):
        if t in TYPES:
            self.fill(field.add(), t, x)
        elif t.startswith("list "):  # a list inside a list is a message with the one field
            inner = field.add()
            self.put(inner, inner.DESCRIPTOR.fields[0].name, t, x)
        else:
            field.append(self.scalar(t, x))

    def scalar(self, t, v):
        return bytes.fromhex(v) if t == "bytes" else Plain().put_scalar(t, v)

    def values(self, m, t):
        out = {}
        for name, of in TYPES[t].items():
            head, inner = split(of)
            if head == "optional":
                if m.HasField(name):
                    out[name] = self.get(getattr(m, name), inner)
            elif head == "time" and not m.HasField(name):
                out[name] = "-62135596800:0"  # no time is the first that there is
            else:
                out[name] = self.get(getattr(m, name), of)
        return out

    def get(self, v, t):
        head, of = split(t)
        if head == "list":
            return [self.get(getattr(x, x.DESCRIPTOR.fields[0].name) if of.startswith("list ") else x, of) for x in v]
        if head == "map":
            return sorted_pairs([from_key(of[0], k), self.get(x, of[1])] for k, x in v.items())
        if head in TYPES:
            return self.values(v, head)
        if head == "time":
            return f"{v.seconds}:{v.nanos}"
        return v.hex() if head == "bytes" else Plain().get_scalar(head, v)


class Avro(Plain):
    """A value is a single object: a mark, the fingerprint of its schema, and the value."""

    def __init__(self):
        self.schemas = {}
        for name, schema in load("avro.json").items():
            parsed = json.loads(schema)
            mark = fastavro.schema.fingerprint(fastavro.schema.to_parsing_canonical_form(parsed), "CRC-64-AVRO")
            self.schemas[name] = fastavro.parse_schema(parsed), b"\xc3\x01" + bytes.fromhex(mark)

    def write(self, t, v):
        schema, mark = self.schemas[t]
        out = io.BytesIO(mark)
        out.seek(len(mark))
        fastavro.schemaless_writer(out, schema, self.put(t, v), strict=True)
        return out.getvalue().hex()

    def read(self, t, body):
        schema, mark = self.schemas[t]
        body = io.BytesIO(bytes.fromhex(body))
        assert body.read(len(mark)) == mark
        v = self.get(t, fastavro.schemaless_reader(body, schema))
        assert body.read() == b""
        return v

    def put_struct(self, t, v):
        return {name: self.put(of, v[name]) if name in v else None for name, of in TYPES[t].items()}

    def put_key(self, _, key):
        return key

    def put_scalar(self, t, v):
        if t == "bytes":
            return bytes.fromhex(v)
        if t == "uint64":
            return int(v).to_bytes(8, "big")
        if t == "time":
            return dict(zip(("seconds", "nanos"), to_time(v)))
        return super().put_scalar(t, v)

    def get_scalar(self, t, v):
        if t == "bytes":
            return v.hex()
        if t == "uint64":
            return str(int.from_bytes(v, "big"))
        if t == "time":
            return f"{v['seconds']}:{v['nanos']}"
        return super().get_scalar(t, v)


class Containers(Avro):
    """Container files: fastavro's, but deflate by Avro's own library, which leaves a piece of zlib's checksum there."""

    COMPRESSIONS = ["null", "deflate", "snappy", "zstandard"]
    SYNC = b"0123456789abcdef"

    def write(self, compression, t, values):
        records, out = [self.put(t, v) for v in values], io.BytesIO()
        if compression == "deflate":
            import avro.datafile, avro.io, avro.schema

            out.close = lambda: None  # which DataFileWriter.close calls
            with avro.datafile.DataFileWriter(out, avro.io.DatumWriter(), avro.schema.parse(load("avro.json")[t]), codec=compression) as w:
                for record in records:
                    w.append(record)
        else:
            fastavro.writer(out, self.schemas[t][0], records, codec=compression, sync_marker=self.SYNC, sync_interval=10, strict=True)
        return out.getvalue().hex()

    def read(self, compression, t, body):
        body = io.BytesIO(bytes.fromhex(body))
        if compression == "deflate":
            import avro.datafile, avro.io

            values = avro.datafile.DataFileReader(body, avro.io.DatumReader())
        else:
            values = fastavro.reader(body)
            assert values.codec == compression
        return [self.get(t, v) for v in values]


# What XML 1.0 cannot hold, and the carriage return, which ElementTree writes as it is.
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")


class Xml:
    def write(self, t, v):
        root = ET.Element("value")
        self.fill(root, t, v)
        return ET.tostring(root, encoding="unicode")

    def read(self, t, body):
        return self.get(ET.fromstring(body), t)

    def fill(self, e, t, v):
        head, of = split(t)
        if head == "list":
            for x in v:
                self.fill(ET.SubElement(e, "item"), of, x)
        elif head == "map":
            for k, x in v:
                entry = ET.SubElement(e, "entry")
                if UNFIT.search(k):
                    entry.set("key-encoding", "base64")
                    k = base64.b64encode(k.encode()).decode()
                entry.set("key", k)
                self.fill(entry, of[1], x)
        elif head in TYPES:
            for name, each in TYPES[head].items():
                if name in v:
                    self.field(e, name, each, v[name])
        elif head in ("string", "text"):
            if UNFIT.search(v):
                e.set("encoding", "base64")
                v = base64.b64encode(v.encode()).decode()
            e.text = v
        else:
            v = Json().put_scalar(head, v)
            e.text = json.dumps(v) if type(v) is bool else v if isinstance(v, str) else repr(v)

    def field(self, e, name, t, v):
        head, of = split(t)
        if head == "list":
            for x in v:
                self.fill(ET.SubElement(e, name), of, x)
        else:
            self.fill(ET.SubElement(e, name), of if head == "optional" else t, v)

    def get(self, e, t):
        head, of = split(t)
        if head == "list":
            return [self.get(x, of) for x in e]
        if head == "map":
            return sorted_pairs([self.key(x), self.get(x, of[1])] for x in e)
        if head in TYPES:
            return {name: v for name, of in TYPES[head].items() for v in self.get_field(e, name, of)}
        text = e.text or ""
        if head in ("string", "text"):
            return base64.b64decode(text, validate=True).decode() if e.get("encoding") == "base64" else text
        if head == "bool":
            return {"true": True, "false": False}[text]
        return Json().get_scalar(head, int(text) if head in INTEGERS else text)

    def key(self, e):
        key = e.get("key")
        return base64.b64decode(key, validate=True).decode() if e.get("key-encoding") == "base64" else key

    def get_field(self, e, name, t):
        head, of = split(t)
        found = e.findall(name)
        if head == "list":
            return [[self.get(x, of) for x in found]]
        return [self.get(x, of if head == "optional" else t) for x in found]


FORMATS = {"json": Json, "avro": Avro, "msgpack": MessagePack, "protobuf": Protobuf, "xml": Xml}


def write():
    vectors = {}
    for name, make in FORMATS.items():
        codec = make()
        vectors[name] = {v["name"]: codec.write(v["type"], v["value"]) for v in VALUES["values"]}
    made = {
        "python": sys.version.split()[0], "fastavro": fastavro.__version__, "msgpack": ".".join(map(str, msgpack.version)),
        "protobuf": google.protobuf.__version__,
    }
    json.dump({"made": made, "vectors": vectors}, sys.stdout, indent=1)
    print()


def read():
    codecs = {name: make() for name, make in FORMATS.items()}
    for line in sys.stdin:
        ask = json.loads(line)
        print(json.dumps(codecs[ask["format"]].read(ask["type"], ask["body"])))


def write_containers():
    files, vectors = Containers(), {}
    for compression in Containers.COMPRESSIONS:
        vectors[compression] = {t: files.write(compression, t, [v["value"] for v in VALUES["values"] if v["type"] == t]) for t in VALUES["containers"]}
    json.dump({"made": {"python": sys.version.split()[0], "fastavro": fastavro.__version__}, "vectors": vectors}, sys.stdout, indent=1)
    print()


def read_containers():
    files = Containers()
    for line in sys.stdin:
        ask = json.loads(line)
        print(json.dumps(files.read(ask["format"], ask["type"], ask["body"])))


{"write": write, "read": read, "write-containers": write_containers, "read-containers": read_containers}[sys.argv[1]]()
