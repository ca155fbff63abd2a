"""QR codes (ISO/IEC 18004) as squares: bytes, the lowest level of correction, versions 1 to 10 (271 bytes).

Enough for a link that a telephone reads from the screen, where nothing soils the code.
"""

from __future__ import annotations

from functools import cache

# Version -> (bytes of correction for a block, blocks of how many bytes of data): level L.
_BLOCKS: dict[int, tuple[int, tuple[int, ...]]] = {
    1: (7, (19,)), 2: (10, (34,)), 3: (15, (55,)), 4: (20, (80,)), 5: (26, (108,)), 6: (18, (68, 68)),
    7: (20, (78, 78)), 8: (24, (97, 97)), 9: (30, (116, 116)), 10: (18, (68, 68, 69, 69)),
}  # fmt: skip
_ALIGNED: dict[int, tuple[int, ...]] = {
    1: (), 2: (6, 18), 3: (6, 22), 4: (6, 26), 5: (6, 30), 6: (6, 34), 7: (6, 22, 38), 8: (6, 24, 42),
    9: (6, 26, 46), 10: (6, 28, 50),
}  # fmt: skip
_LEVEL_L = 0b01
_MASK = 0  # (row + column) even: any of the eight is valid; the choice of the best matters to worn prints
_QUIET = 4  # squares of margin that readers need

Squares = list[list[bool]]


def squares(text: str) -> Squares:
    """The code of a text, without its margin.

    Parameters
    ----------
    text : str
        At most 271 bytes in UTF-8.

    Returns
    -------
    list of list of bool
        Rows from the top; true is dark.

    Raises
    ------
    ValueError
        If the text is too long.
    """
    data = text.encode()
    version = next((v for v in _BLOCKS if len(data) <= sum(_BLOCKS[v][1]) - (2 if v < 10 else 3)), None)
    if version is None:
        raise ValueError(f"expected at most 271 bytes, got {len(data)}")
    grid = _Grid(version)
    grid.put_bits(_codewords(data, version))
    return [[bool(square) for square in row] for row in grid.rows]


def path(code: Squares) -> str:
    """The dark squares as the ``d`` of one SVG path, a unit a square, inside the margin."""
    return "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z" for y, row in enumerate(code) for x, dark in enumerate(row) if dark
    )


def side(code: Squares) -> int:
    """Length of the side in squares, margin included."""
    return len(code) + 2 * _QUIET


# --- the text as bytes, with their correction ----------------------------------------------------------------------


def _codewords(data: bytes, version: int) -> bytes:
    correction, sizes = _BLOCKS[version]
    room = sum(sizes)
    length_bits = 8 if version < 10 else 16
    bits = f"0100{len(data):0{length_bits}b}" + "".join(f"{byte:08b}" for byte in data)
    bits += "0" * min(4, room * 8 - len(bits))
    bits += "0" * (-len(bits) % 8)
    padded = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    padded += bytes(0xEC if i % 2 == 0 else 0x11 for i in range(room - len(padded)))
    blocks, at = [], 0
    for size in sizes:
        blocks.append(padded[at : at + size])
        at += size
    checks = [_remainder(block, correction) for block in blocks]
    mixed = [block[i] for i in range(max(sizes)) for block in blocks if i < len(block)]
    return bytes(mixed + [check[i] for i in range(correction) for check in checks])


def _times(a: int, b: int) -> int:
    """Product in the field of 256 elements of the standard (polynomial 0x11D)."""
    product = 0
    for bit in range(7, -1, -1):
        product = (product << 1) ^ ((product >> 7) * 0x11D)
        product ^= ((b >> bit) & 1) * a
    return product


@cache
def _generator(degree: int) -> tuple[int, ...]:
    """The coefficients of (x - 1)(x - 2)(x - 4)... behind the leading one."""
    found, root = [0] * (degree - 1) + [1], 1
    for _ in range(degree):
        found = [_times(c, root) ^ (found[i + 1] if i + 1 < degree else 0) for i, c in enumerate(found)]
        root = _times(root, 2)
    return tuple(found)


def _remainder(block: bytes, degree: int) -> bytes:
    left, generator = [0] * degree, _generator(degree)
    for byte in block:
        factor = byte ^ left[0]
        left = [value ^ _times(c, factor) for value, c in zip([*left[1:], 0], generator, strict=True)]
    return bytes(left)


# --- the squares ---------------------------------------------------------------------------------------------------


class _Grid:
    """The square under construction; `None` is where data go."""

    def __init__(self, version: int) -> None:
        self.size, self.version = 17 + 4 * version, version
        self.rows: list[list[bool | None]] = [[None] * self.size for _ in range(self.size)]
        for y, x in ((3, 3), (3, self.size - 4), (self.size - 4, 3)):
            self._rings(y, x, reach=4, light=(2, 4))
        places, last = _ALIGNED[version], self.size - 7
        for y in places:
            for x in places:
                if (y, x) not in {(6, 6), (6, last), (last, 6)}:
                    self._rings(y, x, reach=2, light=(1,))
        for i in range(8, self.size - 8):
            self.rows[6][i] = self.rows[i][6] = i % 2 == 0
        self._format()
        if version >= 7:
            self._version()

    def _rings(self, y0: int, x0: int, *, reach: int, light: tuple[int, ...]) -> None:
        for y in range(y0 - reach, y0 + reach + 1):
            for x in range(x0 - reach, x0 + reach + 1):
                if 0 <= y < self.size and 0 <= x < self.size:
                    self.rows[y][x] = max(abs(y - y0), abs(x - x0)) not in light

    def _format(self) -> None:
        bits = _with_check(_LEVEL_L << 3 | _MASK, 10, 0x537) ^ 0x5412
        n, bit = self.size, [bool(bits >> i & 1) for i in range(15)]
        around = [0, 1, 2, 3, 4, 5, 7, 8]
        for i in range(8):
            self.rows[around[i]][8] = bit[i]
            self.rows[8][n - 1 - i] = bit[i]
        for i in range(8, 15):
            self.rows[8][around[14 - i]] = bit[i]
            self.rows[n - 15 + i][8] = bit[i]
        self.rows[n - 8][8] = True

    def _version(self) -> None:
        bits = _with_check(self.version, 12, 0x1F25)
        for i in range(18):
            a, b = self.size - 11 + i % 3, i // 3
            self.rows[a][b] = self.rows[b][a] = bool(bits >> i & 1)

    def put_bits(self, codewords: bytes) -> None:
        """Fill in the data, two columns at a time from the right, upwards and downwards, under the mask."""
        bits = (byte >> i & 1 for byte in codewords for i in range(7, -1, -1))
        upwards = True
        for right in [*range(self.size - 1, 6, -2), *range(5, 0, -2)]:
            for y in range(self.size - 1, -1, -1) if upwards else range(self.size):
                for x in (right, right - 1):
                    if self.rows[y][x] is None:
                        self.rows[y][x] = bool(next(bits, 0)) ^ ((y + x) % 2 == 0)
            upwards = not upwards


def _with_check(value: int, bits: int, polynomial: int) -> int:
    """A number with the remainder of its division behind it (BCH)."""
    left = value
    for _ in range(bits):
        left = (left << 1) ^ ((left >> (bits - 1)) * polynomial)
    return value << bits | left
