#!/usr/bin/env python3
"""A peer in another language: speaks docs/wire/kafka.md with confluent-kafka alone.

    kafka_peer.py BROKER PREFIX serve  DESTINATION COUNT            handle COUNT requests
    kafka_peer.py BROKER PREFIX call   DESTINATION TEXT...          request, one line of JSON for each answer
    kafka_peer.py BROKER PREFIX send   DESTINATION KEY TEXT
    kafka_peer.py BROKER PREFIX listen DESTINATION COUNT            COUNT published messages

Each prints "ready" once it is.
"""
import json
import random
import secrets
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

PATIENCE = 30.0


def say(what):
    print(what if isinstance(what, str) else json.dumps(what), flush=True)


def headers(message):
    return [(key, (value or b"").decode()) for key, value in message.headers() or []]


def first(pairs, key, default=""):
    return next((value for name, value in pairs if name == key), default)


def produce(producer, topic, value, pairs, **more):
    failed = []
    producer.produce(topic, value, headers=[(k, v.encode()) for k, v in pairs],
                     on_delivery=lambda error, _: failed.append(error) if error else None, **more)
    producer.flush(PATIENCE)
    if failed:
        raise KafkaException(failed[0])


def records(consumer, count):
    deadline = time.monotonic() + PATIENCE
    while count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        count -= 1
        yield message
    if count:
        raise SystemExit("%d messages did not come" % count)


def subscribe(broker, group, topic, start):
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group, "auto.offset.reset": start,
                         "enable.auto.commit": False, "session.timeout.ms": 10000,
                         # a member can share a group with ours: it balances as they do
                         "partition.assignment.strategy": "cooperative-sticky"})
    assigned = []
    consumer.subscribe([topic], on_assign=lambda _, partitions: assigned.append(partitions))
    deadline = time.monotonic() + PATIENCE
    while not assigned and time.monotonic() < deadline:
        if consumer.poll(0.1) is not None:
            raise SystemExit("a message came before the assignment")
    return consumer


def assign_end(broker, topic, partitions=None):
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "none", "enable.auto.commit": False})
    if partitions is None:
        partitions = list(consumer.list_topics(topic, PATIENCE).topics[topic].partitions)
    # the end now, not when the first fetch happens
    ends = [TopicPartition(topic, p, consumer.get_watermark_offsets(TopicPartition(topic, p), PATIENCE)[1]) for p in partitions]
    consumer.assign(ends)
    return consumer


def serve(broker, prefix, destination, count):
    consumer = subscribe(broker, prefix + "polywire.queue." + destination, prefix + destination, "earliest")
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 0})
    say("ready")
    for message in records(consumer, int(count)):
        pairs = headers(message)
        reply = first(pairs, "polywire-reply")
        answer = [("polywire-reply", reply), ("polywire-call", first(pairs, "polywire-call")), ("content-type", "text/plain")]
        answer += [(k, v) for k, v in pairs if k.startswith("x-")]
        body = message.value() or b""
        if body == b"bad":
            body, answer = b"", answer + [("polywire-code", "not_found"), ("polywire-error", "no such %25 thing")]
        else:
            body = b"python: " + body
        produce(producer, prefix + "polywire--reply", body, answer, partition=int(reply.split("-")[0]))
        consumer.commit(message, asynchronous=False)
    consumer.close()


def call(broker, prefix, destination, *texts):
    reply_topic = prefix + "polywire--reply"
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 0})
    partition = random.choice(list(producer.list_topics(reply_topic, PATIENCE).topics[reply_topic].partitions))
    address = "%d-%s" % (partition, secrets.token_hex(16))
    consumer = assign_end(broker, reply_topic, [partition])
    say("ready")
    for text in texts:
        token = secrets.token_hex(16)
        produce(producer, prefix + destination, text.encode(), [
            ("polywire-id", token), ("polywire-call", token), ("polywire-reply", address), ("polywire-timeout", "30s"),
            ("content-type", "text/plain"), ("x-many", "1"), ("x-many", ""), ("X-Umlaut", "\u00fc")])
        for message in records(consumer, 1):
            pairs = headers(message)
            if first(pairs, "polywire-reply") != address or first(pairs, "polywire-call") != token:
                raise SystemExit("a reply for somebody else: %r" % pairs)
            say({"body": message.value().decode() if message.value() else "", "headers": pairs})
    consumer.close()


def send(broker, prefix, destination, key, text):
    say("ready")
    produce(Producer({"bootstrap.servers": broker}), prefix + destination, text.encode(), [("content-type", "text/plain")], key=key)


def listen(broker, prefix, destination, count):
    consumer = assign_end(broker, prefix + "pub." + destination)
    say("ready")
    for message in records(consumer, int(count)):
        key = message.key()
        say({"key": key.decode() if key else "", "body": message.value().decode(), "headers": headers(message)})
    consumer.close()


if __name__ == "__main__":
    {"serve": serve, "call": call, "send": send, "listen": listen}[sys.argv[3]](sys.argv[1], sys.argv[2], *sys.argv[4:])
