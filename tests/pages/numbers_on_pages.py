"""Numbers as pages and programs print them, and when two of them are the same."""
import re
from dataclasses import dataclass

NUMBER = re.compile(r'(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)')
# What a machine took, not what was computed: it is never the same twice.
COST = re.compile(r'\s?(?:ns|us|ms|s|seconds?|minutes?|hours?|[KMG]i?B|times)\b|\s?\w+/s\b')
SHARE = re.compile(r'\s?%')
# Differences of rounding: of float64 below the first, of float32 below the second, and none at all.
ROUNDING, SMALL_ROUNDING = 1e-12, 1e-5


@dataclass(frozen=True)
class Number:
    """One number: its value, what its last digit counts, where it stood, and what stands behind it."""
    value: float
    digit: float
    begin: int
    end: int
    cost: bool
    share: bool


def number_at(match, line):
    text = match.group().replace(',', '').replace('−', '-')
    mantissa, _, exponent = text.partition('e')
    decimals = len(mantissa.partition('.')[2])
    behind = line[match.end():]
    return Number(float(text), 10.0 ** (int(exponent or 0) - decimals), match.start(), match.end(),
                  bool(COST.match(behind)), bool(SHARE.match(behind)))


def numbers(line):
    return [number_at(match, line) for match in NUMBER.finditer(line)]


def same(a, b):
    """Whether one number could have been printed as both: 94.1 and 94, 0.938202 and 93.8 %."""
    def close(scale_a, scale_b):
        digits = scale_a * a.digit + scale_b * b.digit
        return abs(scale_a * a.value - scale_b * b.value) < digits / 2 * (1 - 1e-9)
    return close(1, 1) or (a.share and b.digit < 0.01 and close(1, 100)) or (b.share and a.digit < 0.01 and close(100, 1))


def repeated(a, b, share):
    """Whether b is a on another run: to the last digit; with a `share` to that share of the larger one, of percent to
    half as many points. Errors of rounding agree if they are of one size."""
    if a.cost:
        return True
    least, most = sorted((abs(a.value), abs(b.value)))
    if most < 1e-3 and (most < ROUNDING or least == 0 or a.digit < 1e-3):
        return most < ROUNDING or (least < ROUNDING and most < SMALL_ROUNDING) or most <= 10 * least
    allowed = max(share * most, 50 * share if a.share else 0)
    return abs(a.value - b.value) <= max(allowed, (a.digit + b.digit) / 2 * (1 + 1e-9))
