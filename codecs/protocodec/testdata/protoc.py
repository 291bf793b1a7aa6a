"""Compiles each .proto of a folder for itself to a descriptor beside it."""
import os
import sys

import grpc_tools
from grpc_tools import protoc

folder = sys.argv[1]
known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
for name in sorted(os.listdir(folder)):
    if name.endswith(".proto"):
        path = os.path.join(folder, name)
        if protoc.main(["protoc", "-I", folder, "-I", known, "--descriptor_set_out=" + path + ".bin", path]) != 0:
            sys.exit("protoc refuses " + name)
