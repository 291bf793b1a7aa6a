"""Reads a file descriptor and an encoding in hexadecimal, one pair a line, and answers with its own of the same value.

A line without an encoding asks for one of values of its own. What the descriptor does not know is an error.
"""
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2, unknown_fields


def first_message(descriptor):
    """The class of the first message of a file; that of a time is Timestamp."""
    if not descriptor:
        return timestamp_pb2.Timestamp
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto.FromString(descriptor)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{file.message_type[0].name}".lstrip(".")))


def native(cls):
    """Values that show what types mean, and not only how long they are."""
    m = cls(name="Ada", raw=bytes(range(256)), big=2**64 - 1, low=-(2**63), ratio=0.1, small=-1, zero=0)
    m.at.seconds, m.at.nanos = -1, 5
    m.by[-300].items.extend([True, False])
    m.many.extend([1, -1, 2**31 - 1])
    m.none.SetInParent()
    return m


def known(m):
    assert len(unknown_fields.UnknownFieldSet(m)) == 0, m
    for field, value in m.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            value = value.values() if field.message_type.fields_by_name["value"].message_type else []
        for each in value if not hasattr(value, "ListFields") else [value]:
            known(each)


for line in sys.stdin:
    descriptor, _, body = line.strip("\n").partition(" ")
    cls = first_message(bytes.fromhex(descriptor))
    m = native(cls) if body == "native" else cls.FromString(bytes.fromhex(body))
    known(m)
    print("=" + m.SerializeToString(deterministic=True).hex())
