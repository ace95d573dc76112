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
    """All packets of a pcap file of raw IP (LINKTYPE_RAW), nanoseconds, this machine's order."""
    with open(path, "rb") as file:
        data = file.read()
    magic, link = struct.unpack_from("<I16xI", data)
    if magic != 0xa1b23c4d or link not in (12, 101):
        raise ValueError("%s: magic %x, link type %d" % (path, magic, link))
    packets, at = [], 24
    while at + 16 <= len(data):
        seconds, nanoseconds, length, _ = struct.unpack_from("<IIII", data, at)
        if at + 16 + length > len(data):
            break
        packets.append(Packet(len(packets) + 1, (seconds, nanoseconds),
                              data[at + 16:at + 16 + length]))
        at += 16 + length
    return packets


def seconds(when):
    return when[0] + when[1] / 1e9


def after(a, b):
    """How far sequence number a is after b, negative before."""
    return (a - b + 0x80000000) % 0x100000000 - 0x80000000
