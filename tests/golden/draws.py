"""terse's counter-based draws (core/rng.h: Philox4x32-10) in numpy, to the bit."""

import numpy as np

INIT, TEST = 1, 10  # enum rng_purpose
LOW = np.uint64(0xFFFFFFFF)


def words(seed, purpose, worker, time, begin, n):
    """The four words at positions [begin, begin + n) of a stream: n by 4."""
    at = np.arange(begin, begin + n, dtype=np.uint64)
    high = purpose << 24 | ((worker + 1) & 0xFFFFFF)
    c = [at & LOW, at >> np.uint64(32), np.full(n, time & 0xFFFFFFFF, np.uint64), np.full(n, high, np.uint64)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        shift = np.uint64(32)
        c = [b >> shift ^ c[1] ^ np.uint64(key[0]), b & LOW, a >> shift ^ c[3] ^ np.uint64(key[1]), a & LOW]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, axis=1).astype(np.uint32)


def word_run(seed, purpose, worker, time, begin, n):
    """Words [begin, begin + n) of the stream read one after the other."""
    first = begin // 4
    return words(seed, purpose, worker, time, first, (begin + n + 3) // 4 - first).reshape(-1)[begin - 4 * first :][:n]


def uniform(word):
    return (word >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def log(x):
    """As rng_log: frexp's mantissa, brought to [sqrt(1/2), sqrt(2))."""
    m, exponent = np.frexp(x)
    m, exponent = m * 2, exponent - 1
    large = m > 1.4142135623730951
    m, exponent = np.where(large, m * 0.5, m), exponent + large
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = np.full_like(z, 1.0 / 15.0)
    for odd in (13, 11, 9, 7, 5, 3):
        series = series * z + 1.0 / odd
    series = series * z + 1.0
    return 2.0 * s * series + exponent * 0.69314718055994531


def polynomial(x, *coefficients):
    value = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        value = value * x + c
    return value


def normal(word):
    """As rng_normal: Wichura, Algorithm AS 241, PPND7."""
    p = (word.astype(np.float64) + 0.5) * 2.0**-32
    q = p - 0.5
    r = 0.180625 - q * q
    middle = q * polynomial(r, 5.9109374720e01, 1.5929113202e02, 5.0434271938e01, 3.3871327179e00)
    middle /= polynomial(r, 6.7187563600e01, 7.8757757664e01, 1.7895169469e01, 1.0)
    r = np.sqrt(-log(np.where(q < 0, p, 1.0 - p))) - 1.6
    tail = polynomial(r, 1.7023821103e-01, 1.3067284816e00, 2.7568153900e00, 1.4234372777e00)
    tail /= polynomial(r, 1.2021132975e-01, 7.3700164250e-01, 1.0)
    return np.where(np.abs(q) <= 0.425, middle, np.where(q < 0, -tail, tail)).astype(np.float32)
