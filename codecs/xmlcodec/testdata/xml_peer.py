"""Reads documents in hexadecimal, one a line, and answers each in one line: what it read, as JSON, and its own document of the same.

Usage: xml_peer.py xml.etree.ElementTree | lxml.etree
"""
import importlib
import json
import sys

etree = importlib.import_module(sys.argv[1])


def tree(e):
    return {"tag": e.tag, "attrs": dict(e.attrib), "text": e.text or "", "kids": [tree(k) for k in e]}


for line in sys.stdin:
    root = etree.fromstring(bytes.fromhex(line.strip()))
    print(json.dumps(tree(root)), etree.tostring(root, encoding="utf-8").hex(), sep="\t")
