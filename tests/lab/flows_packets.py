"""TCP packets of a capture file, read without the code under test."""
import struct


class Packet:
    """One TCP packet: addresses, ports, seq, ack, flags, len (payload), ip_id, frame, time."""

    def __init__(self, frame, when, ip):
        self.frame, self.time = frame, when
        version = ip[0] >> 4
        if version == 4:
            header = (ip[0] & 15) * 4
            total, self.ip_id = struct.unpack_from(">HH", ip, 2)
            self.ttl = ip[8]
            self.source, self.destination = ip[12:16], ip[16:20]
        else:
            header, self.ip_id, self.ttl = 40, None, ip[7]
            total = 40 + struct.unpack_from(">H", ip, 4)[0]
            self.source, self.destination = ip[8:24], ip[24:40]
        (self.source_port, self.destination_port, self.seq, self.ack, offset,
         self.flags) = struct.unpack_from(">HHIIBB", ip, header)
        self.len = total - header - (offset >> 4) * 4
        self.syn, self.fin, self.rst = self.flags & 2, self.flags & 1, self.flags & 4

    @property
    def key(self):
        return self.source, self.source_port, self.destination, self.destination_port

    @property
    def takes(self):
        """Sequence numbers it takes up."""
        return self.len + bool(self.syn) + bool(self.fin)


def read(path):
    """All TCP packets of a pcapng file of raw IP with nanoseconds, as the lab writes it."""
    with open(path, "rb") as file:
        data = file.read()
    packets, at, frame = [], 0, 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if length < 12 or at + length > len(data):
            raise ValueError("%s is cut" % path)
        if kind == 6:  # enhanced packet
            frame += 1
            _, high, low, captured, _ = struct.unpack_from("<IIIII", data, at + 8)
            ip = data[at + 28:at + 28 + captured]
            if (ip[9] if ip[0] >> 4 == 4 else ip[6]) == 6:
                packets.append(Packet(frame, (high << 32 | low) / 1e9, ip))
        at += length
    return packets


def after(a, b):
    """How far sequence number a is after b, negative before."""
    return (a - b + 0x80000000) % 0x100000000 - 0x80000000
