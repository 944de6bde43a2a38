"""Messages that no client should send, by what is wrong with them."""

import struct

import wire

NAME = wire.name_octets(wire.labels("web.default.svc.cluster.local"))
QUESTION = NAME + struct.pack("!2H", 1, 1)
OPT = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
A_RECORD = b"\xc0\x0c" + struct.pack("!HHIH4s", 1, 1, 5, 4, b"\x01\x02\x03\x04")


def message(*parts, flags=0x100, counts=(1, 0, 0, 0)):
    return struct.pack("!6H", 0x4E50, flags, *counts) + b"".join(parts)


MESSAGES = {
    "well formed": message(QUESTION),
    "an opcode: status": message(QUESTION, flags=0x1000),
    "an opcode: notify": message(QUESTION, flags=0x2000),
    "an opcode: update": message(QUESTION, flags=0x2800),
    "an opcode: 15": message(QUESTION, flags=0x7800),
    "a response": message(QUESTION, flags=0x8100),
    "no question": message(counts=(0, 0, 0, 0)),
    "no question but EDNS": message(OPT, counts=(0, 0, 0, 1)),
    "two questions": message(QUESTION, QUESTION, counts=(2, 0, 0, 0)),
    "a question without its end": message(NAME),
    "a name without its end": message(b"\x03web"),
    "a header alone that promises a question": message(),
    "half a header": message()[:7],
    "a label of 64 octets": message(b"\x40" + b"x" * 64 + b"\0" + struct.pack("!2H", 1, 1)),
    "a name of 256 octets": message((b"\x3f" + b"x" * 63) * 4 + b"\0" + struct.pack("!2H", 1, 1)),
    "a pointer to itself": message(b"\xc0\x0c" + struct.pack("!2H", 1, 1)),
    "octets behind it": message(QUESTION, b"behind"),
    "an answer in the question": message(QUESTION, A_RECORD, counts=(1, 1, 0, 0)),
    "two answers in the question": message(QUESTION, A_RECORD, A_RECORD, counts=(1, 2, 0, 0)),
    "an authority record": message(QUESTION, A_RECORD, counts=(1, 0, 1, 0)),
    "two authority records": message(QUESTION, A_RECORD, A_RECORD, counts=(1, 0, 2, 0)),
    "two OPT": message(QUESTION, OPT, OPT, counts=(1, 0, 0, 2)),
    "three additional records": message(QUESTION, A_RECORD, A_RECORD, OPT, counts=(1, 0, 0, 3)),
    "an OPT that is not the root's": message(QUESTION, b"\x01x" + OPT, counts=(1, 0, 0, 1)),
    "an OPT cut off": message(QUESTION, OPT[:-2], counts=(1, 0, 0, 1)),
    "an OPT whose option is too long": message(
        QUESTION, b"\0" + struct.pack("!HHIH", 41, 1232, 0, 4) + struct.pack("!HH", 10, 9),
        counts=(1, 0, 0, 1)),
    "a record that is promised": message(QUESTION, counts=(1, 0, 0, 1)),
    "all flags": message(QUESTION, flags=0x07F0),
    "a response code in a question": message(QUESTION, flags=0x0103),
}


def summary(octets):
    """What a client sees: response code, flags and counts; nothing for no answer."""
    if octets is None:
        return "nothing"
    if len(octets) < 12:
        return "less than a header"
    (query_id, flags, *counts) = struct.unpack_from("!6H", octets)
    names = " ".join(sorted(name for (name, bit) in wire.FLAGS.items() if flags & bit))
    return "%s opcode %d %s %s%s" % (
        wire.RCODES.get(flags & 15, flags & 15), flags >> 11 & 15, names,
        "/".join(map(str, counts)), "" if query_id == 0x4E50 else " another id")
