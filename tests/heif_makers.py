"""HEIF files, box by box: what no encoder that the program has can write."""

import struct
from typing import Final

# The picture of `_base`, 4:4:4, in HEVC (x265 by way of pillow-heif): the decoder's configuration, and the data.
HEVC: Final = {
    "8 bits": (
        "AQQIAAAAnjgAAAAAHvAA/P/4+AAADwNgAAEAF0ABDAH//wQIAAADAJ44AAADAAAeugJAYQABACpCAQEECAAAAwCeOAAAAwAAHpAE"
        "ECCy3VXTXNwENBgQAAADAZAAAAMAEIBiAAEACEQBwXMYMBiQ",
        "AAACNigBrwayCN2hToC0Vu5x849LRQM5Rn+KkltcwxHOYJzB8tAS/5vYz/BPzvWVnd9IiuX3In/7Wp/wk/9xxdCAfBi28ie4G/rA"
        "PV52MRnla6b/Hk2l1Gj24VMdMHN6mTSW1qjciBmkO9SuvFCNryKYnai1xb0CPCfoZENzwtGVF59IWao0xREH9E3fKwN0bVu0t6J5"
        "8xp1Ffc0Cm/QeyDP1fxlDJBNvtr3/PRS+Zf5wLU7+RNt2jBaw1l4syEGIvqZfHe6Xb8INCUm/I61ffWJyN4H8fOc71YZIGnVyDoU"
        "dFObr05z0akKWoBSeE2LYXwtIQjtRaTRACwBW4jS+mB2jnMixbPDs753bgyEPS/n5RhbQzD/5dfjK2t715/FrQkdlHu9ctWzCSue"
        "n0CVrT5Wn9jn3G4muwF5Kl3kWCgYRm7b1YatOW9Bx6uAQH0rS2qHtrt8i9IerZWKd5zY3QmW4sZunRXOxjqyUo+ZujK4w5DkD3jh"
        "cwLaETRqddJSOouMLvTGpnyZ65vYWaClKUaQgze81icArGNsfMYAHygZEyKuo11GLL23gWncBDuMX0sOV3Klj1WntpumhUP3bv53"
        "KFTjm3RuQGzt2qCN9HbxYb/C5ngbtwrvhwF9JhbsYfCyEcYQKW5XirgPCUKsdQ20dLxCyZ4jzX8eUWtZeJ9DqpsGioaEKoGrHwmZ"
        "MkwKfQGnC3WaEz+PuNVXGzlSLatC7REo8I3DSVhXQBlZBayhNQnIEm97u7Pw",
    ),
    "10 bits": (
        "AQQIAAAAnDgAAAAAHvAA/P/6+gAADwNgAAEAF0ABDAH//wQIAAADAJw4AAADAAAeugJAYQABACpCAQEECAAAAwCcOAAAAwAAHpAE"
        "ECCbLdVdNc3AQ0GBAAADABkAAAMAAQhiAAEACEQBwXMYMBiQ",
        "AAAA8SgBrwayHz1C8LTEV6TYIOx7vsgKgVWHD5jTe8LC84yUoWPhX8gMdo1c5rf//iP6C3bg9zLqQdj+Vyaid8w/9dVmYocR7Uk/"
        "i0QoAIs/RlqBhMgyMvb9/U41nKOSPcde2d8U0mq1vOOFT5uCk93e97Gm9FeEy8UONuVyQ51UorcPEl7borDdF5VUw9kKnYL5KrVI"
        "TmZ18RTrxPsoY7Saw7bTfZ4yxGkquGp72jVRMPjQoEHH9mlb//zbtG6DnKEfzffVDmhVUGUqH1WXYN8B1d5C2F3JDbrhqiRITupn"
        "6CE5ZbY8EH6wWmXa5p/qEqV+5xY=",
    ),
}


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def heif_file(
    brand: bytes,
    item_type: bytes,
    data: bytes,
    properties: list[bytes],
    *,
    exif: bytes = b"",
    xmp: bytes = b"",
) -> bytes:
    """Return a file of one picture with its metadata as items of their own (ISO/IEC 23008-12).

    Args:
        brand: "heic" or "avif".
        item_type: "hvc1" or "av01".
        data: The coded picture.
        properties: Boxes, in the order in which they are applied.
        exif: The block.
        xmp: The packet.
    """
    items = [(item_type, b"", data)]
    items += [(b"Exif", b"", struct.pack(">I", 0) + exif)] if exif else []
    items += [(b"mime", b"application/rdf+xml\x00", xmp)] if xmp else []
    entries, references = b"", b""
    for number, (kind, mime, _) in enumerate(items, 1):
        entries += box(b"infe", struct.pack(">BxxxHH4s", 2, number, 0, kind), b"\x00", mime)
        if number > 1:
            references += box(b"cdsc", struct.pack(">HHH", number, 1, 1))
    associations = bytes(0x80 | number for number in range(1, len(properties) + 1))
    before = box(b"ftyp", brand, bytes(4), b"mif1", brand)

    def meta(start: int) -> bytes:
        places, position = b"", start
        for number, (_, _, content) in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, position, len(content))
            position += len(content)
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", bytes(4), struct.pack(">H", 1)),
            box(b"iinf", bytes(4), struct.pack(">H", len(items)), entries),
            box(b"iref", bytes(4), references) if references else b"",
            box(
                b"iprp",
                box(b"ipco", *properties),
                box(b"ipma", bytes(4), struct.pack(">IHB", 1, 1, len(properties)), associations),
            ),
            box(b"iloc", bytes(4), b"\x44\x00", struct.pack(">H", len(items)), places),
        )

    start = len(before) + len(meta(0)) + 8
    return before + meta(start) + box(b"mdat", *(content for _, _, content in items))
