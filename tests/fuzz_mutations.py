"""Damage to the bytes of a file: what disks, editors, encodings and users do to it."""

import random
import re

# Where, how much (both from 0 to 1), what and which token.
Mutation = tuple[str, float, float, bytes]

TOKENS = (
    b"",
    b"\x00",
    b"\xff",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\x85",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b",",
    b";",
    b'"',
    b"'",
    b"[",
    b"{",
    b"}",
    b"<",
    b"<exists>",
    b"&x;",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"1e400",
    b"-1e400",
    b"NaN",
    b"Infinity",
    b"-1",
    b"0",
    b"1.5",
    b"9" * 30,
    b"9" * 400,  # more than a float holds, and a whole number that Python reads
    b"9" * 5000,
    b"2147483647",
    b"1e-320",
    b"[]",
    b"{}",
    b'""',
    b"false",
    b"1_000",
    b"../",
    b"\xe2\x80\xa8",
    b"1e300",
    b"n/a",
    b"null",
    b"true",
    b"\\ud800",
    b"\xed\xa0\x80",
    b"\xc3\xa9",
    b"\xc2\xb2",
    b"\xd9\xa3",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x80\x00\x00\x00",
    # As binary numbers, low byte first: the largest of 16 and of 32 bits, the lowest, one, no number, infinity.
    b"\xff\x7f",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x01\x00",
    b"\x00\x00\xc0\x7f",
    b"\x00\x00\x80\x7f",
    b"x" * 140_000,
)
KINDS = (
    "insert",
    "replace",
    "delete",
    "repeat",
    "cut",
    "flip",
    "swap",
    "shuffle lines",
    "drop line",
    "repeat line",
    "drop column",
    "number",
    "value",
    "encode",
)
_LARGEST = 2_000_000
# What stands for one thing in a table, in JSON, TOML or XML.
_VALUES = {
    "number": re.compile(rb"\d[\d.+\-eE]*"),
    "value": re.compile(rb'"[^"]*"|[^\s",;:=\[\]{}<>/]+'),
}


def mutate(content: bytes, mutations: list[Mutation]) -> bytes:
    """Content with this damage, applied in this order."""
    for kind, position, amount, token in mutations:
        content = _mutate(content, kind, position, amount, token)[:_LARGEST]
    return content


def random_mutations(source: random.Random) -> list[Mutation]:
    """One to six kinds of damage."""
    return [
        (source.choice(KINDS), source.random(), source.random() ** 3, source.choice(TOKENS))
        for _ in range(source.choice((1, 1, 1, 2, 3, 6)))
    ]


def _mutate(content: bytes, kind: str, position: float, amount: float, token: bytes) -> bytes:
    at = int(position * len(content))
    end = at + int(amount * (len(content) - at)) + 1
    if kind in {"shuffle lines", "drop line", "repeat line", "drop column"}:
        return _lines(content, kind, position, amount)
    if kind in _VALUES:
        match = _VALUES[kind].search(content, at)
        return content if match is None else content[: match.start()] + token + content[match.end() :]
    if kind == "encode":
        names = ("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "cp1252")
        return content.decode("latin-1").encode(names[int(position * 4.99)], errors="replace")
    damaged = {
        "insert": token,
        "replace": token,
        "delete": b"",
        "repeat": content[at:end] * (2 + int(8 * amount)),
        "cut": b"",
        "flip": bytes([content[at] ^ (1 << int(amount * 7.99))]) if at < len(content) else b"",
        "swap": content[at:end][::-1],
    }[kind]
    rest = {"insert": at, "cut": len(content), "flip": at + 1, "replace": at + max(len(token), 1)}.get(kind, end)
    return content[:at] + damaged + content[rest:]


def _lines(content: bytes, kind: str, position: float, amount: float) -> bytes:
    lines = content.split(b"\n")
    at = int(position * (len(lines) - 1))
    if kind == "shuffle lines":
        random.Random(position).shuffle(lines)
    elif kind == "drop line":
        del lines[at]
    elif kind == "repeat line":
        lines[at:at] = [lines[at]] * (1 + int(20 * amount))
    else:
        delimiter = b"\t" if b"\t" in content else b","
        rows = [line.split(delimiter) for line in lines]
        column = int(position * 3)
        lines = [delimiter.join(row[:column] + row[column + 1 :]) for row in rows]
    return b"\n".join(lines)
