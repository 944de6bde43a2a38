"""DNS messages as they stand on the wire: questions with everything that a client may say, also what
it should not, and answers taken apart without believing anything. Standard library only."""

import dataclasses
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16,
         "AAAA": 28, "SRV": 33, "NAPTR": 35, "OPT": 41, "DS": 43, "RRSIG": 46, "NSEC": 47,
         "DNSKEY": 48, "TLSA": 52, "SVCB": 64, "HTTPS": 65, "TKEY": 249, "TSIG": 250, "IXFR": 251,
         "AXFR": 252, "ANY": 255, "CAA": 257}
TYPE_NAMES = {number: name for (name, number) in TYPES.items()}
CLASSES = {"IN": 1, "CH": 3, "HS": 4, "NONE": 254, "ANY": 255}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
          16: "BADVERS"}
FLAGS = {"AA": 0x400, "TC": 0x200, "RD": 0x100, "RA": 0x80, "Z": 0x40, "AD": 0x20, "CD": 0x10}
NAMES_INSIDE = {"NS": 0, "CNAME": 0, "PTR": 0, "MX": 2, "SRV": 6, "DNAME": 0}  # where in the data


@dataclasses.dataclass(frozen=True)
class Edns:
    size: int = 1232
    do: bool = False
    version: int = 0
    options: tuple = ()  # of (code, octets)


@dataclasses.dataclass(frozen=True)
class Question:
    """`name` is a tuple of labels, octets each."""

    name: tuple
    kind: int = 1
    klass: int = 1
    tcp: bool = False
    rd: bool = True
    cd: bool = False
    ad: bool = False
    edns: Edns | None = None

    def __str__(self):
        extra = [word for (word, on) in (("tcp", self.tcp), ("no rd", not self.rd), ("cd", self.cd),
                                         ("ad", self.ad)) if on]
        if self.klass != 1:
            extra.append("class %d" % self.klass)
        if self.edns:
            extra.append("edns %d%s%s%s" % (
                self.edns.size, " do" if self.edns.do else "",
                " version %d" % self.edns.version if self.edns.version else "",
                "".join(" option %d=%s" % (code, data.hex()) for (code, data) in self.edns.options)))
        return " ".join([text_of(self.name), type_name(self.kind), *extra])

    @property
    def text(self):
        """The name in lower case, as text."""
        return text_of(self.name).lower()

    @property
    def type(self):
        return type_name(self.kind)

    def octets(self, query_id):
        flags = (0x100 if self.rd else 0) | (0x10 if self.cd else 0) | (0x20 if self.ad else 0)
        wire = struct.pack("!6H", query_id, flags, 1, 0, 0, 1 if self.edns else 0)
        wire += name_octets(self.name) + struct.pack("!2H", self.kind, self.klass)
        if self.edns:
            options = b"".join(struct.pack("!2H", code, len(data)) + data
                               for (code, data) in self.edns.options)
            wire += b"\0" + struct.pack("!HHIH", 41, self.edns.size, self.edns.version << 16 |
                                        (0x8000 if self.edns.do else 0), len(options)) + options
        return wire


def type_name(kind):
    return TYPE_NAMES.get(kind, "TYPE%d" % kind)


def labels(text):
    """Labels of a plain name without escapes."""
    return tuple(label.encode("ascii") for label in text.rstrip(".").split(".") if label)


def name_octets(name):
    return b"".join(bytes([len(label)]) + label for label in name) + b"\0"


def text_of(name):
    """As zone files write it."""
    def label_text(label):
        return "".join(chr(octet) if 33 <= octet < 127 and octet not in b'."\\;()@$' else
                       "\\%03d" % octet for octet in label)
    return "".join(label_text(label) + "." for label in name) or "."


def read_name(wire, at):
    (name, end, hops) = ([], None, 0)
    while wire[at] != 0:
        if wire[at] >= 0xC0:
            end = end or at + 2
            at = struct.unpack_from("!H", wire, at)[0] & 0x3FFF
            hops += 1
            if hops > 127:
                raise ValueError("a loop of pointers")
            continue
        if wire[at] > 63 or at + 1 + wire[at] > len(wire):
            raise ValueError("no label at %d" % at)
        name.append(bytes(wire[at + 1:at + 1 + wire[at]]))
        at += 1 + wire[at]
    return (tuple(name), end or at + 1)


@dataclasses.dataclass(frozen=True, order=True)
class Record:
    owner: tuple
    kind: str
    klass: int
    ttl: int
    data: tuple  # text of octets and names

    def __str__(self):
        return "%s %d %s%s %s" % (text_of(self.owner), self.ttl,
                                  "" if self.klass == 1 else "class %d " % self.klass, self.kind,
                                  " ".join(self.data))


def read_data(wire, at, size, kind):
    """Names inside of it are written out, so that compression makes no difference."""
    end = at + size
    if kind == "SOA":
        (mname, at) = read_name(wire, at)
        (rname, at) = read_name(wire, at)
        return (text_of(mname), text_of(rname), *map(str, struct.unpack_from("!5I", wire, at)))
    if kind == "SRV":
        return (*map(str, struct.unpack_from("!3H", wire, at)), text_of(read_name(wire, at + 6)[0]))
    if kind in NAMES_INSIDE:
        before = NAMES_INSIDE[kind]
        return (*([wire[at:at + before].hex()] if before else []),
                text_of(read_name(wire, at + before)[0]))
    if kind == "A" and size == 4:
        return (".".join(map(str, wire[at:end])),)
    return (bytes(wire[at:end]).hex(),)


class Answer:
    """A message taken apart. `opt` is None or (size, extended rcode, version, flags, options)."""

    def __init__(self, wire):
        self.wire = bytes(wire)
        (self.id, self.flags, questions, *counts) = struct.unpack_from("!6H", wire)
        (self.opt, at, self.question) = (None, 12, None)
        for _ in range(questions):
            (name, at) = read_name(wire, at)
            self.question = (name, *struct.unpack_from("!2H", wire, at))
            at += 4
        self.sections = []
        for count in counts:
            records = []
            for _ in range(count):
                at = self._read_record(at, records)
            self.sections.append(records)
        self.rest = len(wire) - at
        (self.answer, self.authority, self.additional) = self.sections
        rcode = self.flags & 15 | (self.opt[1] << 4 if self.opt else 0)
        self.rcode = RCODES.get(rcode, str(rcode))
        self.opcode = self.flags >> 11 & 15

    def _read_record(self, at, records):
        (owner, at) = read_name(self.wire, at)
        (kind, klass, ttl, size) = struct.unpack_from("!HHIH", self.wire, at)
        at += 10
        if at + size > len(self.wire):
            raise ValueError("a record longer than its message")
        if kind == 41:
            self.opt = (klass, ttl >> 24, ttl >> 16 & 255, ttl & 0xFFFF,
                        tuple(read_options(self.wire[at:at + size])))
        else:
            kind = type_name(kind)
            records.append(Record(owner, kind, klass, ttl,
                                  read_data(self.wire, at, size, kind)))
        return at + size

    def flag(self, name):
        return bool(self.flags & FLAGS[name])

    def set_flags(self):
        return {name for name in FLAGS if self.flag(name)}

    def types(self):
        return [record.kind for record in self.answer]

    def __str__(self):
        lines = ["%s %s%s" % (self.rcode, " ".join(sorted(self.set_flags())),
                              " opt %s" % (self.opt,) if self.opt else "")]
        for (title, records) in zip(("answer", "authority", "additional"), self.sections):
            lines += ["  %s: %s" % (title, record) for record in records]
        return "\n".join(lines)


def read_options(data):
    at = 0
    while at + 4 <= len(data):
        (code, size) = struct.unpack_from("!2H", data, at)
        yield (code, bytes(data[at + 4:at + 4 + size]))
        at += 4 + size
