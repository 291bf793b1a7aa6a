"use strict";
// JavaScript's side of the vectors: what vectors.py is in Python, with the same modes and the same values.
//
//   NODE_PATH=…/node_modules node vectors.cjs write|read|write-containers|read-containers
//
// Numbers of 64 bits are BigInt, in every library.
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const avro = require("avsc");
const { XMLBuilder, XMLParser } = require("fast-xml-parser");
const { LosslessNumber, parse, stringify } = require("lossless-json");
const msgpack = require("@msgpack/msgpack");
const protobuf = require("protobufjs");
const { FileDescriptorSet } = require("protobufjs/ext/descriptor");

const load = (name) => JSON.parse(fs.readFileSync(path.join(__dirname, name), "utf8"));
const { types: TYPES, values: VALUES, containers: CONTAINERS } = load("values.json");
const INTEGERS = new Set(["int8", "int32", "int64", "uint32", "uint64", "duration"]);
const NO_TIME = "-62135596800:0";

// split tells the first word of a type from the type of what it holds: ["list", "int64"], ["map", "string", "int64"].
function split(t) {
  const [head, ...rest] = t.split(" ");
  return head === "map" ? ["map", rest[0], rest.slice(1).join(" ")] : [head, rest.join(" ")];
}

function toFloat(t, text) {
  if (text === "NaN") return NaN;
  const b = Buffer.from(text, "hex");
  return t === "float32" ? b.readFloatBE() : b.readDoubleBE();
}

function fromFloat(t, x) {
  if (typeof x !== "number") throw new Error(`${x} is no number`);
  if (Number.isNaN(x)) return "NaN";
  const b = Buffer.alloc(t === "float32" ? 4 : 8);
  if (t === "float32") b.writeFloatBE(x);
  else b.writeDoubleBE(x);
  return b.toString("hex");
}

function timeText(v) {
  const [seconds, nanos] = v.split(":").map(Number);
  const fraction = nanos ? "." + String(nanos).padStart(9, "0").replace(/0+$/, "") : "";
  return new Date(seconds * 1000).toISOString().replace(".000Z", fraction + "Z");
}

function timeValue(text) {
  const [, whole, fraction] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(text);
  return `${Date.parse(whole + "Z") / 1000}:${Number((fraction || "").padEnd(9, "0"))}`;
}

const base64 = (b) => Buffer.from(b).toString("base64");
const byKey = (pairs) => pairs.sort((a, b) => Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0])));

// integer is a BigInt as values.json has it; nothing else passes for one.
function integer(v) {
  if (typeof v !== "bigint") throw new Error(`${typeof v} ${v} is no integer`);
  return v.toString();
}

// entries of a Map or of an object, whose name may be __proto__.
const entries = (v) => (v instanceof Map ? [...v.entries()] : Object.entries(v));

// object makes one of pairs without a prototype, so that __proto__ is a name like others.
function object(pairs) {
  const out = Object.create(null);
  for (const [k, v] of pairs) out[k] = v;
  return out;
}

// A Plain codec turns values into objects and arrays. Formats differ in scalars.
class Plain {
  put(t, v) {
    const [head, of, item] = split(t);
    if (head === "list") return v.map((x) => this.put(of, x));
    if (head === "map") return object(v.map(([k, x]) => [k, this.put(item, x)]));
    if (head === "optional") return this.put(of, v);
    if (TYPES[head]) return object(this.fields(head, v).map(([name, of]) => [name, this.put(of, v[name])]));
    return this.putScalar(head, v);
  }

  fields(t, v) {
    return Object.entries(TYPES[t]).filter(([name]) => v[name] !== undefined);
  }

  get(t, v) {
    const [head, of, item] = split(t);
    if (head === "list") return v.map((x) => this.get(of, x));
    if (head === "map") return byKey(entries(v).map(([k, x]) => [String(k), this.get(item, x)]));
    if (head === "optional") return this.get(of, v);
    if (TYPES[head]) return object(this.fields(head, v).map(([name, of]) => [name, this.get(of, v[name])]));
    return this.getScalar(head, v);
  }

  putScalar(t, v) {
    if (INTEGERS.has(t)) return BigInt(v);
    return t.startsWith("float") ? toFloat(t, v) : v;
  }

  getScalar(t, v) {
    if (INTEGERS.has(t)) return integer(v);
    return t.startsWith("float") ? fromFloat(t, v) : v;
  }
}

// JSON.parse rounds integers above 2^53 and JSON.stringify knows no BigInt; lossless-json keeps the digits.
class Json extends Plain {
  write(t, v) {
    return stringify(this.put(t, v));
  }

  read(t, body) {
    return this.get(t, parse(body));
  }

  putScalar(t, v) {
    if (t === "bytes") return base64(Buffer.from(v, "hex"));
    if (t === "time") return timeText(v);
    v = super.putScalar(t, v);
    if (typeof v !== "number") return v;
    return Number.isFinite(v) ? new LosslessNumber(Object.is(v, -0) ? "-0" : String(v)) : String(v);
  }

  getScalar(t, v) {
    if (t === "bytes") return Buffer.from(v, "base64").toString("hex");
    if (t === "time") return timeValue(v);
    if (INTEGERS.has(t)) return integer(BigInt(v.value));
    return t.startsWith("float") ? fromFloat(t, Number(v.value ?? v)) : v;
  }
}

const TIMESTAMP = -1;

class MessagePack extends Plain {
  constructor() {
    super();
    const extensionCodec = new msgpack.ExtensionCodec();
    extensionCodec.register({
      type: TIMESTAMP, // the library's own loses what is below a millisecond
      encode: () => null,
      decode: (data) => msgpack.decodeTimestampToTimeSpec(data),
    });
    // A number is a float, also a whole one, and every integer a BigInt.
    this.encoding = { useBigInt64: true, forceIntegerToFloat: true };
    this.decoding = { useBigInt64: true, extensionCodec, mapKeyConverter: String };
  }

  write(t, v) {
    return Buffer.from(this.bytes(t, v)).toString("hex");
  }

  // bytes are the library's, but for maps whose keys are no strings, which it cannot write as a whole.
  bytes(t, v) {
    const [head, key, item] = split(t);
    if (head === "map" && key !== "string") {
      const parts = v.flatMap(([k, x]) => [this.encode(key === "bool" ? k === "true" : BigInt(k)), this.bytes(item, x)]);
      return Buffer.concat([Buffer.of(0x80 | v.length), ...parts]);
    }
    if (TYPES[head]) {
      const parts = this.fields(head, v).flatMap(([name, of]) => [this.encode(name), this.bytes(of, v[name])]);
      return Buffer.concat([Buffer.of(0x80 | (parts.length / 2)), ...parts]);
    }
    return this.encode(this.put(t, v));
  }

  encode(v) {
    return msgpack.encode(v, this.encoding);
  }

  read(t, body) {
    return this.get(t, msgpack.decode(Buffer.from(body, "hex"), this.decoding));
  }

  putScalar(t, v) {
    if (t === "bytes") return Buffer.from(v, "hex");
    if (t !== "time") return super.putScalar(t, v);
    const [sec, nsec] = v.split(":").map(Number);
    return new msgpack.ExtData(TIMESTAMP, msgpack.encodeTimeSpecToTimestamp({ sec, nsec }));
  }

  getScalar(t, v) {
    if (t === "bytes") return Buffer.from(v).toString("hex");
    if (t === "time") return `${v.sec}:${v.nsec}`;
    if (INTEGERS.has(t) && typeof v === "number") v = BigInt(v); // those of up to 32 bits
    return super.getScalar(t, v);
  }
}

const WIDE = new Set(["int64", "uint64", "duration"]);

class Protobuf extends Plain {
  constructor() {
    super();
    this.messages = {};
    const times = new protobuf.Root().addJSON(protobuf.common.get("google/protobuf/timestamp.proto").nested);
    times.resolveAll();
    const [time] = times.toDescriptor("proto3").file;
    time.name = "google/protobuf/timestamp.proto";
    for (const [name, descriptor] of Object.entries(load("protobuf.json"))) {
      const { file } = FileDescriptorSet.decode(Buffer.concat([Buffer.of(0x0a), varint(Buffer.from(descriptor, "base64").length), Buffer.from(descriptor, "base64")]));
      const root = protobuf.Root.fromDescriptor({ file: [time, file[0]] });
      this.messages[name] = root.lookupType(`${file[0].package}.${file[0].messageType[0].name}`);
    }
  }

  write(t, v) {
    const type = this.messages[t];
    return Buffer.from(type.encode(type.create(this.message(type, t, v))).finish()).toString("hex");
  }

  read(t, body) {
    const type = this.messages[t];
    return this.values(type, t, type.decode(Buffer.from(body, "hex")));
  }

  message(type, t, v) {
    return object(this.fields(t, v).map(([name, of]) => [name, this.putField(type.fields[name], of, v[name])]));
  }

  putField(field, t, v) {
    const [head, of, item] = split(t);
    field.resolve();
    if (head === "optional") return this.putField(field, of, v);
    if (head === "list") return v.map((x) => this.putItem(field, of, x));
    if (head === "map") return object(v.map(([k, x]) => [WIDE.has(of) ? protobuf.util.longToHash(long(of, k)) : k, this.putItem(field, item, x)]));
    return this.putItem(field, head, v);
  }

  putItem(field, t, v) {
    if (t.startsWith("list ")) return this.wrapped(field, (inner) => this.putField(inner, t, v)); // a message with the one field
    if (TYPES[t]) return this.message(field.resolvedType, t, v);
    if (t === "time") {
      const [seconds, nanos] = v.split(":");
      return { seconds: long("int64", seconds), nanos: Number(nanos) };
    }
    if (t === "bytes") return Buffer.from(v, "hex");
    if (WIDE.has(t)) return long(t, v);
    return INTEGERS.has(t) ? Number(v) : this.putScalar(t, v);
  }

  wrapped(field, put) {
    const [inner] = field.resolvedType.fieldsArray;
    return { [inner.name]: put(inner) };
  }

  values(type, t, m) {
    const pairs = [];
    for (const [name, of] of Object.entries(TYPES[t])) {
      const has = Object.hasOwn(m, name) && m[name] !== null;
      if (of === "time" && !has) pairs.push([name, NO_TIME]); // no time is the first that there is
      else if (has || !of.startsWith("optional ")) pairs.push([name, this.getField(type.fields[name], of.replace(/^optional /, ""), m[name])]);
    }
    return object(pairs);
  }

  getField(field, t, v) {
    const [head, of, item] = split(t);
    field.resolve();
    if (head === "list") return v.map((x) => this.getItem(field, of, x));
    if (head === "map") {
      const key = (k) => (WIDE.has(of) ? protobuf.util.longFromHash(k, of === "uint64").toString() : k);
      return byKey(Object.entries(v).map(([k, x]) => [key(k), this.getItem(field, item, x)]));
    }
    return this.getItem(field, head, v);
  }

  getItem(field, t, v) {
    if (t.startsWith("list ")) {
      const [inner] = field.resolvedType.fieldsArray;
      return this.getField(inner, t, v[inner.name]);
    }
    if (TYPES[t]) return this.values(field.resolvedType, t, v);
    if (t === "time") return `${v.seconds}:${v.nanos}`;
    if (t === "bytes") return Buffer.from(v).toString("hex");
    return INTEGERS.has(t) ? v.toString() : this.getScalar(t, v);
  }
}

const long = (t, text) => protobuf.util.Long.fromString(text, t === "uint64");

function varint(n) {
  const bytes = [];
  for (; n > 127; n >>>= 7) bytes.push((n & 127) | 128);
  return Buffer.from([...bytes, n]);
}

// A value of Avro is a single object: a mark, the fingerprint of its schema, and the value.
class Avro extends Plain {
  constructor() {
    super();
    this.long = avro.types.LongType.__with({
      fromBuffer: (b) => b.readBigInt64LE(),
      toBuffer: (n) => {
        const b = Buffer.alloc(8);
        b.writeBigInt64LE(n);
        return b;
      },
      fromJSON: BigInt,
      toJSON: String,
      isValid: (n) => typeof n === "bigint",
      compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    });
    this.types = {};
    for (const [name, schema] of Object.entries(load("avro.json"))) {
      const type = avro.Type.forSchema(JSON.parse(schema), { registry: { long: this.long } });
      this.types[name] = [type, Buffer.concat([Buffer.of(0xc3, 0x01), rabin(canonical(JSON.parse(schema)))])];
    }
  }

  write(t, v) {
    const [type, mark] = this.types[t];
    return Buffer.concat([mark, type.toBuffer(this.put(t, v))]).toString("hex");
  }

  read(t, body) {
    const [type, mark] = this.types[t];
    const b = Buffer.from(body, "hex");
    if (!b.subarray(0, mark.length).equals(mark)) throw new Error("another schema");
    return this.get(t, type.fromBuffer(b.subarray(mark.length))); // all of it, or an error
  }

  fields(t, v) {
    return super.fields(t, v).filter(([name]) => v[name] !== null);
  }

  putScalar(t, v) {
    if (t === "bytes") return Buffer.from(v, "hex");
    if (t === "uint64") return big64(v);
    if (t === "time") {
      const [seconds, nanos] = v.split(":");
      return { seconds: BigInt(seconds), nanos: Number(nanos) };
    }
    return t.startsWith("int") && t !== "int64" ? Number(v) : super.putScalar(t, v);
  }

  getScalar(t, v) {
    if (t === "bytes") return v.toString("hex");
    if (t === "uint64") return v.readBigUInt64BE().toString();
    if (t === "time") return `${v.seconds}:${v.nanos}`;
    return super.getScalar(t, INTEGERS.has(t) && typeof v === "number" ? BigInt(v) : v);
  }
}

// Container files, as avsc writes and reads them: it has no other compressions.
class Containers extends Avro {
  static COMPRESSIONS = ["null", "deflate"];

  async write(codec, t, values) {
    const encoder = new avro.streams.BlockEncoder(this.types[t][0], { codec, blockSize: 16, syncMarker: Buffer.from("0123456789abcdef") });
    for (const v of values) encoder.write(this.put(t, v));
    encoder.end();
    const parts = [];
    for await (const part of encoder) parts.push(part);
    return Buffer.concat(parts).toString("hex");
  }

  async read(codec, t, body) {
    const decoder = new avro.streams.BlockDecoder({ parseHook: (schema) => avro.Type.forSchema(schema, { registry: { long: this.long } }) });
    decoder.on("metadata", (_type, used) => {
      if (used !== codec) decoder.destroy(new Error(`compressed by ${used}`));
    });
    decoder.end(Buffer.from(body, "hex"));
    const values = [];
    for await (const v of decoder) values.push(this.get(t, v));
    return values;
  }
}

function big64(v) {
  const b = Buffer.alloc(8);
  b.writeBigUInt64BE(BigInt(v));
  return b;
}

// canonical is the parsing canonical form of a schema whose names are full already, as those of the codec are.
function canonical(s) {
  if (typeof s === "string") return JSON.stringify(s);
  if (Array.isArray(s)) return `[${s.map(canonical).join(",")}]`;
  const parts = [];
  for (const key of ["name", "type", "fields", "symbols", "items", "values", "size"]) {
    if (s[key] === undefined) continue;
    const fields = key === "fields" ? `[${s.fields.map(canonical).join(",")}]` : canonicalPart(s[key]);
    parts.push(`"${key}":${fields}`);
  }
  return `{${parts.join(",")}}`;
}

const canonicalPart = (v) => (typeof v === "number" ? String(v) : canonical(v));

// rabin is CRC-64-AVRO, the low byte first.
function rabin(text) {
  const EMPTY = 0xc15d213aa4d7a795n;
  let fp = EMPTY;
  for (const byte of Buffer.from(text)) {
    let table = (fp ^ BigInt(byte)) & 0xffn;
    for (let i = 0; i < 8; i++) table = (table >> 1n) ^ (EMPTY & -(table & 1n) & 0xffffffffffffffffn);
    fp = (fp >> 8n) ^ table;
  }
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(fp);
  return b;
}

// What XML 1.0 cannot hold, and the carriage return, which the library writes as it is.
const UNFIT = /[\x00-\x08\x0b-\x1f\ufffe\uffff]/;

class Xml extends Plain {
  constructor() {
    super();
    this.builder = new XMLBuilder({ ignoreAttributes: false, suppressBooleanAttributes: false, suppressEmptyNode: false, processEntities: true });
    this.parser = new XMLParser({
      ignoreAttributes: false, parseTagValue: false, parseAttributeValue: false, trimValues: false, htmlEntities: true, alwaysCreateTextNode: true,
      isArray: (_name, _path, _leaf, isAttribute) => !isAttribute,
    });
  }

  write(t, v) {
    return this.builder.build({ value: this.element(t, v) });
  }

  read(t, body) {
    return this.value(t, this.parser.parse(body).value[0]);
  }

  element(t, v) {
    const [head, of, item] = split(t);
    if (head === "optional") return this.element(of, v);
    if (head === "list") return { item: v.map((x) => this.element(of, x)) };
    if (head === "map") return { entry: v.map(([k, x]) => ({ ...this.key(k), ...this.element(item, x) })) };
    if (TYPES[head]) {
      return object(this.fields(head, v).map(([name, of]) => [name, of.startsWith("list ") ? this.element(of, v[name]).item : this.element(of, v[name])]));
    }
    if (head === "string" || head === "text") {
      return UNFIT.test(v) ? { "@_encoding": "base64", "#text": base64(v) } : { "#text": v };
    }
    const plain = new Json().putScalar(head, v);
    return { "#text": String(plain.value ?? plain) };
  }

  key(k) {
    return UNFIT.test(k) ? { "@_key": base64(k), "@_key-encoding": "base64" } : { "@_key": k };
  }

  value(t, e) {
    const [head, of, item] = split(t);
    if (head === "optional") return this.value(of, e);
    if (head === "list") return (e.item || []).map((x) => this.value(of, x));
    if (head === "map") return byKey((e.entry || []).map((x) => [this.keyOf(x), this.value(item, x)]));
    if (TYPES[head]) {
      const pairs = Object.entries(TYPES[head]).map(([name, of]) => [name, this.field(of, e[name])]);
      return object(pairs.filter(([, v]) => v !== undefined));
    }
    const text = e["#text"] ?? "";
    if (head === "string" || head === "text") return e["@_encoding"] === "base64" ? Buffer.from(text, "base64").toString() : text;
    if (head === "bool") return { true: true, false: false }[text];
    return new Json().getScalar(head, INTEGERS.has(head) || head.startsWith("float") ? { value: text } : text);
  }

  keyOf(e) {
    return e["@_key-encoding"] === "base64" ? Buffer.from(e["@_key"], "base64").toString() : e["@_key"];
  }

  field(t, found) {
    const [head, of] = split(t);
    if (head === "list") return (found || []).map((x) => this.value(of, x));
    return found && this.value(t, found[0]);
  }
}

const FORMATS = { json: Json, avro: Avro, msgpack: MessagePack, protobuf: Protobuf, xml: Xml };

function write() {
  const vectors = {};
  for (const [name, Codec] of Object.entries(FORMATS)) {
    const codec = new Codec();
    vectors[name] = Object.fromEntries(VALUES.map((v) => [v.name, codec.write(v.type, v.value)]));
  }
  console.log(JSON.stringify({ made: { node: process.versions.node }, vectors }, null, 1));
}

async function read() {
  const codecs = Object.fromEntries(Object.entries(FORMATS).map(([name, Codec]) => [name, new Codec()]));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { format, type, body } = JSON.parse(line);
    try {
      console.log(JSON.stringify(codecs[format].read(type, body)));
    } catch (e) {
      console.log(JSON.stringify({ error: String(e) }));
    }
  }
}

async function writeContainers() {
  const files = new Containers();
  const vectors = {};
  for (const codec of Containers.COMPRESSIONS) {
    vectors[codec] = {};
    for (const t of CONTAINERS) {
      vectors[codec][t] = await files.write(codec, t, VALUES.filter((v) => v.type === t).map((v) => v.value));
    }
  }
  console.log(JSON.stringify({ made: { node: process.versions.node }, vectors }, null, 1));
}

async function readContainers() {
  const files = new Containers();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { format, type, body } = JSON.parse(line);
    try {
      console.log(JSON.stringify(await files.read(format, type, body)));
    } catch (e) {
      console.log(JSON.stringify({ error: String(e) }));
    }
  }
}

({ write, read, "write-containers": writeContainers, "read-containers": readContainers })[process.argv[2]]();
