"""Changes of a file's bytes: those that break readers, rather than any."""

import random
import re
import struct

WORDS = (
    b"null", b"true", b"[]", b"{}", b"[[[[[[[[", b"{\"a\":" * 40, b"\"", b"\\u0000", b"\\ud800",
    b"NaN", b"Infinity", b"-1", b"0", b"1e999", b"-0.0", b"9" * 40, b"18446744073709551616",
    b"9223372036854775807", b"2147483648", b"4294967295", b"65536", b"../../../etc/passwd",
    b"/dev/zero", b"file:///etc/passwd", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"<", b"&a;",
    b"]]>", b"<!--", b"F32", b"F64", b"I64", b"C64", b"BOOL", b"F8_E4M3", b"dtype", b"shape",
    b"data_offsets", b"'|O'", b"(2, 3)", b"()", b"XYCZT", b"uint128", b"float16", b"nan", b"inf",
    b"[a]\nb=1", b"\r\n", b"%s%n",
)  # fmt: skip
NUMBERS = WORDS[10:21]
NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
INTEGERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
LONG = (2**63 - 1, 2**63, 2**64 - 1, 2**40, 2**33)
_MOST = 200_000
"""Bytes: what grows beyond it by insertions is cut."""


def mutated(seed: bytes, others: tuple[bytes, ...], rng: random.Random) -> bytes:
    """Return a seed file with one to six changes."""
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(_CHANGES)(data, others, rng)
    return bytes(data[:_MOST])


def _place(data: bytearray, rng: random.Random) -> int:
    """Return a place, near the beginning more often than not: headers are there."""
    most = max(len(data), 1)
    return rng.randrange(min(most, 64) if rng.random() < 0.25 else most)


def _flip(data, others, rng):
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _byte(data, others, rng):
    if data:
        data[_place(data, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _integer(data, others, rng):
    code, values = rng.choice((("H", INTEGERS[:9]), ("I", INTEGERS), ("Q", INTEGERS + LONG)))
    raw = struct.pack(rng.choice("<>") + code, rng.choice(values))
    place = _place(data, rng)
    data[place : place + len(raw)] = raw


def _number(data, others, rng):
    """Replace a number that is written in digits."""
    found = list(NUMBER.finditer(bytes(data[:20_000])))
    if found:
        one = rng.choice(found)
        data[one.start() : one.end()] = rng.choice(NUMBERS)


def _word(data, others, rng):
    place = _place(data, rng)
    data[place : place + rng.choice((0, 1, 4))] = rng.choice(WORDS)


def _cut(data, others, rng):
    del data[_place(data, rng) :]


def _remove(data, others, rng):
    place = _place(data, rng)
    del data[place : place + rng.choice((1, 2, 4, 8, 64, 512))]


def _repeat(data, others, rng):
    place = _place(data, rng)
    part = bytes(data[place : place + rng.choice((1, 4, 16, 256))])
    data[place:place] = part * rng.choice((1, 2, 30))


def _swap(data, others, rng):
    size = rng.choice((1, 2, 4, 8, 32))
    a, b = _place(data, rng), _place(data, rng)
    first, second = bytes(data[a : a + size]), bytes(data[b : b + size])
    if len(first) == len(second):
        data[a : a + size], data[b : b + size] = second, first


def _splice(data, others, rng):
    other = rng.choice(others)
    if other:
        start = rng.randrange(len(other))
        place = _place(data, rng)
        data[place:] = other[start:]


_CHANGES = (_flip, _flip, _byte, _integer, _integer, _number, _number, _word, _cut, _remove,
            _repeat, _swap, _splice)  # fmt: skip
