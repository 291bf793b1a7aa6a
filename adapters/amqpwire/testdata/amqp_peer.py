#!/usr/bin/env python3
"""A peer in another language: speaks docs/wire/amqp.md with pika alone.

    amqp_peer.py URL PREFIX serve   DESTINATION COUNT            handle COUNT requests
    amqp_peer.py URL PREFIX call    DESTINATION TEXT...          request, one line of JSON for each answer
    amqp_peer.py URL PREFIX send    DESTINATION TEXT
    amqp_peer.py URL PREFIX take    DESTINATION COUNT            COUNT sent messages
    amqp_peer.py URL PREFIX publish DESTINATION TEXT
    amqp_peer.py URL PREFIX listen  PATTERN COUNT                COUNT published messages

Each prints "ready" once it is.
"""
import json
import secrets
import sys
import time

import pika

PATIENCE = 30.0


def say(what):
    print(what if isinstance(what, str) else json.dumps(what), flush=True)


def report(method, properties, body):
    say({
        "routing": method.routing_key, "body": body.decode(), "id": properties.message_id or "", "type": properties.content_type or "",
        "correlation": properties.correlation_id or "", "source": properties.app_id or "", "headers": properties.headers or {},
    })


def take_some(channel, queue, count, then):
    """Consumes exactly count messages, each acknowledged when it was worked on."""
    channel.basic_qos(prefetch_count=1)
    for method, properties, body in channel.consume(queue, inactivity_timeout=PATIENCE):
        if method is None:
            raise SystemExit("nothing came to " + queue)
        then(method, properties, body)
        channel.basic_ack(method.delivery_tag)
        count -= 1
        if count == 0:
            channel.cancel()
            return


def serve(channel, prefix, destination, count):
    queue = prefix + "r." + destination
    channel.queue_declare(queue, durable=True, arguments={"x-expires": 10000})

    def answer(_method, asked, body):
        headers = {k: v for k, v in (asked.headers or {}).items() if k.startswith("x-")}
        text = b"python: " + body
        if body == b"bad":
            text, headers = b"", {"polywire-code": "not_found", "polywire-error": "no such %25 thing"}
        reply = pika.BasicProperties(correlation_id=asked.correlation_id, content_type="text/plain", headers=headers)
        channel.basic_publish("", asked.reply_to, text, reply)

    say("ready")  # the queue is there: what is requested now waits in it
    take_some(channel, queue, int(count), answer)


def call(channel, prefix, destination, *texts):
    replies = channel.queue_declare("", exclusive=True).method.queue
    channel.confirm_delivery()
    say("ready")
    for text in texts:
        token = secrets.token_hex(16)
        asked = pika.BasicProperties(
            message_id=token, correlation_id=token, reply_to=replies, expiration="30000", content_type="text/plain", app_id="python/1",
            timestamp=int(time.time()), headers={"X-Umlaut": "\u00fc", "x-many": ["1", ""], "x-number": 7})
        try:
            channel.basic_publish("", prefix + "r." + destination, text.encode(), asked, mandatory=True)
        except pika.exceptions.UnroutableError:
            say({"unroutable": True})
            continue

        def check(method, properties, body):
            if properties.correlation_id != token:
                raise SystemExit("a reply for somebody else")
            report(method, properties, body)

        take_some(channel, replies, 1, check)


def send(channel, prefix, destination, text):
    channel.confirm_delivery()
    say("ready")
    channel.basic_publish("", prefix + "q." + destination, text.encode(), pika.BasicProperties(
        delivery_mode=2, content_type="text/plain", content_encoding="identity", headers={"polywire-key": "a key"}), mandatory=True)


def take(channel, prefix, destination, count):
    say("ready")
    take_some(channel, prefix + "q." + destination, int(count), report)


def publish(channel, prefix, destination, text):
    channel.confirm_delivery()
    say("ready")
    channel.basic_publish(prefix + "topic", destination, text.encode(), pika.BasicProperties(delivery_mode=2))


def listen(channel, prefix, pattern, count):
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, prefix + "topic", pattern)
    say("ready")
    take_some(channel, queue, int(count), report)


if __name__ == "__main__":
    with pika.BlockingConnection(pika.URLParameters(sys.argv[1])) as connection:
        verbs = {"serve": serve, "call": call, "send": send, "take": take, "publish": publish, "listen": listen}
        verbs[sys.argv[3]](connection.channel(), sys.argv[2], *sys.argv[4:])
