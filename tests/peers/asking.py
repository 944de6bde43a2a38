"""Asks a server many questions at once, and gives all answers, or what came in their place."""

import select
import socket
import struct
import threading
import time

import wire

WINDOW = 32
AGAIN_S = 4       # no answer by then: asked again
GIVE_UP = 3       # times
TCP_AT_ONCE = 8
WAIT_S = 60


class Missing:
    """No answer, and how that was seen."""

    def __init__(self, how):
        self.how = how

    def __str__(self):
        return "no answer (%s)" % self.how


def parse(octets):
    try:
        return wire.Answer(octets)
    except (ValueError, IndexError, struct.error) as error:
        return Missing("octets that are no message: %s: %s" % (error, octets.hex()))


def ask_udp(port, messages):
    """Answers by place in `messages`, each a function of an id."""
    (answers, tries) = ({}, dict.fromkeys(range(len(messages)), 0))
    (waiting, todo) = ({}, list(tries)[::-1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        number = 0
        while todo or waiting:
            while todo and len(waiting) < WINDOW:
                number = (number + 1) % 65536
                place = todo.pop()
                waiting[number] = (place, time.monotonic())
                tries[place] += 1
                client.send(messages[place](number))
            if select.select([client], [], [], 0.2)[0]:
                octets = client.recv(65535)
                (place, _) = waiting.pop(struct.unpack_from("!H", octets)[0], (None, 0))
                if place is not None:
                    answers[place] = parse(octets)
            now = time.monotonic()
            for (key, (place, since)) in list(waiting.items()):
                if now - since < AGAIN_S:
                    continue
                del waiting[key]
                if tries[place] < GIVE_UP:
                    todo.append(place)
                else:
                    answers[place] = Missing("%d datagrams" % GIVE_UP)
    return answers


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError("closed after %d of %d octets" % (len(data), count))
        data += more
    return data


def ask_tcp_once(port, message):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as stream:
            stream.sendall(struct.pack("!H", len(message)) + message)
            (size,) = struct.unpack("!H", read_exactly(stream, 2))
            return parse(read_exactly(stream, size))
    except OSError as error:
        return Missing(str(error))


def ask_tcp(port, messages):
    answers = {}

    def run(first):
        for place in range(first, len(messages), TCP_AT_ONCE):
            answers[place] = ask_tcp_once(port, messages[place](place % 65536))
    threads = [threading.Thread(target=run, args=(first,)) for first in range(TCP_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def ask_raw(port, messages, wait_s=2):
    """What comes back for octets that may be no question; None where nothing does. One after the
    other, each from a socket of its own."""
    answers = []
    for octets in messages:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(wait_s)
            client.connect(("127.0.0.1", port))
            client.send(octets)
            try:
                answers.append(client.recv(65535))
            except TimeoutError:
                answers.append(None)
    return answers


def ask_all(port, questions):
    """Answers (or Missing) of questions, in their order."""
    answers = [None] * len(questions)
    for (tcp, ask) in ((False, ask_udp), (True, ask_tcp)):
        places = [i for (i, question) in enumerate(questions) if question.tcp == tcp]
        for (i, answer) in ask(port, [questions[place].octets for place in places]).items():
            answers[places[i]] = answer
    return answers
