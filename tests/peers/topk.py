"""The exact 1 % largest of 25.6 M magnitudes beside torch.topk, which is given the magnitudes and need not sort: see
compare.py. Both draw the same normal values; the selected sets are the same."""

import os
import statistics
import sys
import time
import zlib

from compare import alternate, print_times, torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import draws  # noqa: E402

N, DATA, PIECE, GOAL = 25600000, 6, 1 << 20, 8
K = N // 100

x = torch.empty(N)
for begin in range(0, N, PIECE):
    n = min(PIECE, N - begin)
    x[begin : begin + n] = torch.from_numpy(draws.normal(draws.word_run(1, DATA, -1, 0, begin, n)))
magnitude = x.abs()


def select():
    begin = time.thread_time_ns()
    torch.topk(magnitude, K, sorted=False)
    return (time.thread_time_ns() - begin) / 1e6


# What equals the least magnitude goes by the lower index; torch.topk gives any of it.
values, index = torch.topk(magnitude, K, sorted=False)
bar = values.min()
above, ties = torch.nonzero(magnitude > bar).flatten(), torch.nonzero(magnitude == bar).flatten()
chosen = torch.cat((above, ties[: K - len(above)])).sort().values
if not torch.equal(index[values > bar].sort().values, above):
    sys.exit("top-k: torch.topk does not give what lies above its least value")
right = zlib.crc32(chosen.to(torch.int32).numpy().tobytes())

pairs = alternate("top-k", ["topk", "--elements", str(N)], select, 9)
for answer, _ in pairs:
    if answer["count"] != K or answer["indices_crc32"] != right:
        sys.exit(f"top-k: terse selected another set than torch.topk: {answer}, not {K} indices of CRC {right}")
print(f"Exact top-k, {K} of {N}, one thread: medians of {len(pairs)} alternating samples, CPU time, the same sets")
ours, torchs = [answer["select_ns"] / 1e6 for answer, _ in pairs], [ms for _, ms in pairs]
print_times(("terse", ours), (f"PyTorch {torch.__version__}", torchs))
faster = statistics.median(torchs) / statistics.median(ours)
print(f"  {'faster than PyTorch':24} {faster:8.2f} x   (goal: at least {GOAL})")
sys.exit(0 if faster >= GOAL else 1)
