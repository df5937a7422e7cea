"""What a kernel needs of a multiprocessor, read from the machine code that NVRTC makes (an ELF file)."""

import struct
from dataclasses import dataclass

_REGISTERS, _STACK = 0x2F, 0x11
"""Attributes of the section .nv.info, of EIATTR_REGCOUNT and EIATTR_FRAME_SIZE: the symbol's index, and the number."""
_LONG_VALUE = 0x04
_SYMBOL_TABLE = 2


@dataclass(frozen=True)
class Needs:
    """Of a thread: registers, and bytes of local memory, where what has no register goes; of a block: shared bytes."""

    registers: int
    stack: int
    shared: int


@dataclass(frozen=True)
class _Section:
    name: str
    kind: int
    size: int
    content: bytes


def needs(code):
    """Return the `Needs` of each kernel in a cubin, by its name."""
    sections = _sections(code)
    symbols = next(section for section in sections if section.kind == _SYMBOL_TABLE).content
    strings = next(section for section in sections if section.name == ".strtab").content
    names = [_text(strings, first) for (first,) in struct.iter_unpack("<I20x", symbols)]
    counts = {_REGISTERS: {}, _STACK: {}}
    for attribute, symbol, value in _attributes(next(s for s in sections if s.name == ".nv.info").content):
        if attribute in counts:
            counts[attribute][names[symbol]] = value
    shared = {section.name.removeprefix(".nv.shared."): section.size for section in sections}
    kernels = [s.name.removeprefix(".text.") for s in sections if s.name.startswith(".text.")]
    return {name: Needs(counts[_REGISTERS][name], counts[_STACK].get(name, 0), shared.get(name, 0)) for name in kernels}


def _sections(code):
    start, entry, count, of_names = struct.unpack_from("<40xQ10xHHH", code[:64].ljust(64, b"\0"), 0)
    raw = [struct.unpack_from("<IIQQQQIIQQ", code, start + index * entry) for index in range(count)]
    names = code[raw[of_names][4] : raw[of_names][4] + raw[of_names][5]]
    return [
        _Section(_text(names, name), kind, size, code[offset : offset + size])
        for name, kind, _, _, offset, size, *_ in raw
    ]


def _attributes(content):
    place = 0
    while place < len(content):
        form, attribute, size = struct.unpack_from("<BBH", content, place)
        place += 4
        if form == _LONG_VALUE:
            if size == 8:
                yield attribute, *struct.unpack_from("<II", content, place)
            place += size


def _text(strings, first):
    return strings[first : strings.index(b"\0", first)].decode()
