"""Whether two answers say the same. What may differ without notice: the order of records within an
RRset, name compression, and the serial of an SOA, which is the time of the last change that each has
seen."""

import wire

SERIAL = 2


def blank_serial(record):
    if record.kind != "SOA":
        return record
    data = list(record.data)
    data[SERIAL] = "*"
    return wire.Record(record.owner, record.kind, record.klass, record.ttl, tuple(data))


def rrsets(records):
    """Sets in the order in which they first appear, sorted inside."""
    sets = {}
    for record in map(blank_serial, records):
        key = (tuple(label.lower() for label in record.owner), record.kind, record.klass)
        sets.setdefault(key, []).append(record)
    return [sorted(found) for found in sets.values()]


def sections(answer):
    """All sections comparable: sets in order where order means something."""
    return (rrsets(answer.answer), rrsets(answer.authority),
            sorted(map(blank_serial, answer.additional)))


def lowered(record):
    """Without the case of names in it: what client and server agreed on is the question's case, which
    the owners of the answer repeat."""
    return wire.Record(tuple(label.lower() for label in record.owner), record.kind, record.klass,
                       record.ttl, tuple(word.lower() for word in record.data))


PARTS = ("flags", "rcode", "question", "answer", "authority", "additional", "opt")


def differing(ours, theirs):
    """The parts in which two answers differ; ("missing",) where only one came."""
    if not isinstance(ours, wire.Answer) or not isinstance(theirs, wire.Answer):
        return () if type(ours) is type(theirs) else ("missing",)
    found = []
    (own, other) = (sections(ours), sections(theirs))
    pairs = ((ours.flags & ~15, theirs.flags & ~15), (ours.rcode, theirs.rcode),
             (ours.question, theirs.question), *zip(own, other), (ours.opt, theirs.opt))
    for (part, (a, b)) in zip(PARTS, pairs):
        if a != b:
            found.append(part)
    if ours.rest:
        found.append("octets behind the message")
    return tuple(found)
