"""A program of grpcio that knows nothing of polywire: grpc_peer.py STUBS client ADDRESS | server.

It tells what it saw in lines of JSON; foreign_test.go says what that must be.
"""
import json
import sys
import threading
from concurrent import futures

sys.path.insert(0, sys.argv[1])
import grpc
import accounts_pb2 as pb
import accounts_pb2_grpc as rpc


def say(value):
    print(json.dumps(value), flush=True)


def pairs(metadata):
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in metadata or () if k in ("h-a", "h-a-bin", "t-b", "t-b-bin")}


def outcome(call):
    """The code of a call that fails, and its text."""
    try:
        call()
    except grpc.RpcError as e:
        return [e.code().value[0], e.details()]
    return [0, ""]


def client(address):
    print("ready", flush=True)
    with grpc.insecure_channel(address) as channel:
        stub = rpc.AccountsStub(channel)
        metadata = (("h-a", "1"), ("h-a-bin", b"\x00\xff"), ("t-b", "2"), ("t-b-bin", b"\n"))
        reply, call = stub.Verify.with_call(pb.VerifyRequest(id="metadata", payload=b"\x00\xff"), metadata=metadata, timeout=20)
        say({
            "version": "grpcio " + grpc.__version__, "id": reply.id, "name": reply.name, "payload": reply.payload.hex(),
            "header": pairs(call.initial_metadata()), "trailer": pairs(call.trailing_metadata()),
            "big": len(stub.Verify(pb.VerifyRequest(payload=bytes(3 << 20)), timeout=20).payload),
            "codes": [outcome(lambda: stub.Verify(pb.VerifyRequest(code=c, message="no % \u00fc"), timeout=20)) for c in range(1, 17)],
            "deadline": outcome(lambda: stub.Verify(pb.VerifyRequest(id="wait"), timeout=0.3))[0],
            "unknown": outcome(lambda: stub.Audit(pb.VerifyRequest(), timeout=20))[0],
            "stream": outcome(lambda: list(stub.Watch(pb.VerifyRequest(), timeout=20))),
        })
        # The deadline above ended one handler; this ends another.
        waiting = stub.Verify.future(pb.VerifyRequest(id="wait"), timeout=20)
        threading.Timer(0.2, waiting.cancel).start()
        try:
            waiting.result()
        except grpc.FutureCancelledError:
            say("cancelled")


class Accounts(rpc.AccountsServicer):
    def __init__(self):
        self.stop = threading.Event()

    def Verify(self, request, context):
        if request.id == "stop":
            context.add_callback(self.stop.set)
        if request.id == "wait":
            ended = threading.Event()
            context.add_callback(ended.set)
            ended.wait()
            say("ended")
        if request.code:
            context.abort([c for c in grpc.StatusCode if c.value[0] == request.code][0], request.message)
        metadata = context.invocation_metadata()
        context.send_initial_metadata([(k, v) for k, v in metadata if k.startswith("h-")])
        context.set_trailing_metadata([(k, v) for k, v in metadata if k.startswith("t-")])
        return pb.Account(id=request.id, name="Ada Lovelace", payload=request.payload, remaining_ms=int(context.time_remaining() * 1000))


def server():
    s = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    accounts = Accounts()
    rpc.add_AccountsServicer_to_server(accounts, s)
    port = s.add_insecure_port("127.0.0.1:0")
    s.start()
    print("ready", flush=True)
    say("127.0.0.1:%d" % port)
    accounts.stop.wait()
    s.stop(1).wait()


client(sys.argv[3]) if sys.argv[2] == "client" else server()
