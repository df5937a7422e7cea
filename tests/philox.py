"""Philox4x32-10 (Salmon et al., 2011) in NumPy, and the known answers of its authors' library, Random123."""

import numpy as np

KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
"""Counter, key, output: kat_vectors of Random123, philox4x32 with 10 rounds."""


def words(text):
    """Return hexadecimal words as uint32."""
    return np.array([int(word, 16) for word in text.split()], np.uint32)


def philox4x32_10(counters, key):
    """Return four words (n, 4) uint32 for each counter (n, 4) under a key (2,)."""
    a, b, c, d = np.asarray(counters, np.uint64).T
    low = np.uint64(0xFFFFFFFF)
    first, second = (np.uint64(word) for word in key)
    for _ in range(10):
        product_a, product_c = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b = (product_c >> np.uint64(32)) ^ b ^ first, product_c & low
        c, d = (product_a >> np.uint64(32)) ^ d ^ second, product_a & low
        first, second = (first + np.uint64(0x9E3779B9)) & low, (second + np.uint64(0xBB67AE85)) & low
    return np.stack([a, b, c, d], axis=1).astype(np.uint32)


def element_words(count, step, layer, key):
    """Return the word (count,) uint32 of each element of a batch: four to a counter (element / 4, step, layer, 0)."""
    quads = -(-count // 4)
    counters = np.zeros((quads, 4), np.uint64)
    counters[:, 0], counters[:, 1], counters[:, 2] = np.arange(quads), step, layer
    return philox4x32_10(counters, key).ravel()[:count]
