#!/usr/bin/env python3
"""Servers that answer QUIC packets of versions they do not have (RFC 9000 6.1 and 17.2.1).

Arguments: PORT:HOW. answer: Version Negotiation with version 1, version 2 and a reserved one; late:
the same to the second packet; stray: with other connection IDs; silent: nothing. Each listens on
127.0.0.1. Prints "ready", and a line for each packet: port, length, version.
"""
import select
import socket
import struct
import sys

VERSIONS = struct.pack(">III", 1, 0x6B3343CF, 0x2A3A4A5A)


def negotiation(packet, stray):
    version, length = struct.unpack_from(">IB", packet, 1)
    destination = packet[6:6 + length]
    source_length = packet[6 + length]
    source = packet[7 + length:7 + length + source_length]
    if stray:
        source = bytes(len(source))
    return version, (b"\xaa" + bytes(4) + bytes([len(source)]) + source +
                     bytes([len(destination)]) + destination + VERSIONS)


how, seen = {}, {}
for argument in sys.argv[1:]:
    port, _, manner = argument.partition(":")
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", int(port)))
    how[server] = manner
    seen[server] = 0
print("ready", flush=True)
while True:
    for server in select.select(list(how), [], [], 60)[0]:
        packet, client = server.recvfrom(65536)
        seen[server] += 1
        version, answer = negotiation(packet, how[server] == "stray")
        print(server.getsockname()[1], len(packet), "%08x" % version, flush=True)
        if how[server] in ("answer", "stray") or (how[server] == "late" and seen[server] > 1):
            server.sendto(answer, client)
