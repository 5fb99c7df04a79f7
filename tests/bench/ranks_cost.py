#!/usr/bin/env python3
"""A model of what a step of data-parallel training costs, fitted to two ranks on several links.

    step(n) = computing + max(0, sums(n) - hidden) + gathers(n)
    sums(n) = 2 (n - 1) (messages latency + bytes / (n bandwidth))     each bucket in a ring
    gathers(n) = 2 (n - 1) latency                                     losses and counts; signals

`computing` is the step of ranks that share a memory, messages and bytes are counted by the run. `hidden`, what the
backward pass hides of the sums, is fitted by least squares; each link is also predicted from the others. Taken to be
the same on more ranks: `hidden`, and as many samples at each rank. Not in it: switches, and machines of unlike speed.

Standard input: lines "METHOD LINK MESSAGES BYTES SECONDS", LINK "BITS_A_SECOND,LATENCY", or "-" for the shared memory;
and comments, "# ...".
"""
import collections
import sys

GATHERS = 2
PREDICTED = [(1e9, 50e-6), (1e10, 20e-6), (1e11, 2e-6)]
RANKS = [2, 8, 64, 512]
STEPS = 2000  # of the search for `hidden`

Run = collections.namedtuple("Run", "bandwidth latency messages bytes seconds")


def gathers(n, latency):
    return GATHERS * (n - 1) * latency


def sums(run, n, bandwidth, latency):
    return 2 * (n - 1) * (run.messages * latency + 8 * run.bytes / n / bandwidth)


def step(run, computing, hidden, n, bandwidth, latency):
    return computing + max(0, sums(run, n, bandwidth, latency) - hidden) + gathers(n, latency)


def fitted(runs, computing):
    """The `hidden` of least squares of relative errors."""

    def loss(hidden):
        return sum((step(r, computing, hidden, 2, r.bandwidth, r.latency) / r.seconds - 1) ** 2 for r in runs)

    return min((computing * i / STEPS for i in range(STEPS + 1)), key=loss)


def link_text(bandwidth, latency):
    return f"{bandwidth / 1e9:g} Gbit/s, {latency * 1e6:g} us"


def main():
    methods = collections.defaultdict(list)
    for line in sys.stdin:
        if line.startswith("#"):
            continue
        method, link, messages, size, seconds = line.split()
        bandwidth, latency = (None, None) if link == "-" else map(float, link.split(","))
        methods[method].append(Run(bandwidth, latency, int(messages), int(size), float(seconds)))
    predictions = []
    print("\n| ms a step of two ranks | sums | measured | model | from the other links |\n|---|--:|--:|--:|--:|")
    for method, all_runs in methods.items():
        computing = next(r.seconds for r in all_runs if r.bandwidth is None)
        runs = [r for r in all_runs if r.bandwidth is not None]
        hidden = fitted(runs, computing)
        for r in runs:
            others = fitted([o for o in runs if o is not r], computing)
            row = [sums(r, 2, r.bandwidth, r.latency), r.seconds]
            row += [step(r, computing, h, 2, r.bandwidth, r.latency) for h in (hidden, others)]
            print(f"| {method}, {link_text(r.bandwidth, r.latency)} | " + " | ".join(f"{1e3 * x:.0f}" for x in row) + " |")
        for link in PREDICTED:
            shares = [computing / step(runs[0], computing, hidden, n, *link) for n in RANKS]
            predictions.append(f"| {method}, {link_text(*link)} | {1e3 * hidden:.0f} ms | "
                               + " | ".join(f"{x:.2f}" for x in shares) + " |")
    print("\n| of the speed of ranks that need not talk | hidden | " + " | ".join(map(str, RANKS)) + " |")
    print("|---" + "|--:" * (len(RANKS) + 1) + "|")
    print("\n".join(predictions))


main()
