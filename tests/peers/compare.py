"""What the comparisons with PyTorch share: both programs compute the same training step (forward, backward, momentum
SGD) on one thread. Samples alternate (ours, PyTorch's, ours, ...) so that both see the same machine; CPU time of the
thread is compared, medians over the samples. The exit status is 1 where a goal is missed.
"""

import json
import os
import statistics
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before torch loads them; terse inherits it

import torch  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(1)
with open("/proc/self/maps") as maps:
    if "/blas/libblas.so" in maps.read():
        sys.exit("PyTorch has only the reference BLAS here, which would flatter terse: run make deps-peers")


def resident(line):
    """A line of this process's memory, in bytes."""
    with open("/proc/self/status") as status:
        return next(1024 * int(row.split()[1]) for row in status if row.startswith(line))


def memory_of(make_step):
    """What is resident at most while steps run, over what was before there was a model, in bytes: measured in a process
    of its own. What make_step only refers to has to be there before."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        torch.nn.functional.conv2d(torch.zeros(1, 1, 3, 3, requires_grad=True), torch.zeros(1, 1, 3, 3)).sum().backward()
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")  # forgets the peak
        before, step = resident("VmRSS"), make_step()
        step(), step()
        os.write(writer, str(resident("VmHWM") - before).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reader, 64))


class ImageStep:
    """A step of a classifier. Images are drawn anew from a set in memory, as terse takes them from its own."""

    def __init__(self, model, images, batch):
        self.model, self.images, self.batch = model, images, batch
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        self.labels = torch.randint(0, 10, (len(images),))

    def __call__(self):
        ids = torch.randint(0, len(self.images), (self.batch,))
        self.optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(self.model(self.images[ids]), self.labels[ids]).backward()
        self.optimizer.step()


def sample(step, n_steps):
    begin = time.thread_time_ns()
    for _ in range(n_steps):
        step()
    return (time.thread_time_ns() - begin) / n_steps / 1e6


def image_peer(make_model, shape, batch, n_steps):
    """PyTorch's step in the memory layout that suits it best, warmed up, and its memory in the layout that takes least."""
    images = torch.randn(2048, *shape)
    formats = (torch.contiguous_format, torch.channels_last)
    sets = [(f, images.to(memory_format=f)) for f in formats]
    makers = [lambda f=f, s=s: ImageStep(make_model().to(memory_format=f), s, batch) for f, s in sets]
    n_bytes = min(memory_of(make) for make in makers)
    steps = [make() for make in makers]
    for step in steps:
        sample(step, n_steps)
    return min(steps, key=lambda step: min(sample(step, n_steps) for _ in range(3))), n_bytes


def alternate(title, words, measure, n_samples):
    """Pairs of what `terse bench WORDS --serve` answers and what measure() gives, in turns."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: /usr/bin/python3 {sys.argv[0]} ./terse")
    command = [sys.argv[1], "bench", *words, "--serve"]
    pairs = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        for _ in range(n_samples):
            try:
                server.stdin.write("sample\n")
                server.stdin.flush()
            except BrokenPipeError:
                pass  # the empty answer says so
            line = server.stdout.readline()
            if not line:
                sys.exit(f"{title}: {sys.argv[1]} ended early with status {server.wait()}")
            pairs.append((json.loads(line), measure()))
        server.stdin.close()
    if server.returncode != 0:
        sys.exit(f"{title}: {sys.argv[1]} ended with status {server.returncode}")
    return pairs


def print_times(*rows):
    """Rows of a name and its times in ms."""
    for name, values in rows:
        print(f"  {name:24} {statistics.median(values):8.3f} ms  ({min(values):.3f} to {max(values):.3f})")


def compare(title, model, dataset, batch, peer, faster, over=None, n_samples=20, n_steps=20, parameters=""):
    """peer: a step and its bytes of memory; faster: how many times faster than PyTorch is the goal; over: its time over that of its oneDNN calls, at most."""
    words = ["step", "--model", model, "--dataset", dataset, "--batch", str(batch), "--steps", str(n_steps)]
    words += ["--with", parameters] if parameters else []
    step, n_bytes = peer
    pairs = alternate(title, words, lambda: sample(step, n_steps), n_samples)
    ours, library = ([answer[key] / 1e6 for answer, _ in pairs] for key in ("step_ns", "library_ns"))
    memory = pairs[-1][0]["host_bytes"]
    torchs = [peer_ms for _, peer_ms in pairs]
    print(f"{title}, batch {batch}, one thread: medians of {n_samples} alternating samples of {n_steps} steps, CPU time")
    print_times(("terse", ours), ("its oneDNN calls alone", library), (f"PyTorch {torch.__version__}", torchs))
    is_faster = statistics.median(torchs) / statistics.median(ours)
    is_over = statistics.median(ours) / statistics.median(library)
    print(f"  {'faster than PyTorch':24} {is_faster:8.2f} x   (goal: at least {faster})")
    print(f"  {'over its library calls':24} {is_over:8.2f} x" + (f"   (goal: at most {over})" if over else ""))
    print(f"  {'memory':24} {memory / 1e6:8.1f} MB  (PyTorch {n_bytes / 1e6:.1f}: {memory / n_bytes:.2f} x; goal: at most 1.2)")
    is_lean = memory <= 1.2 * n_bytes
    sys.exit(0 if is_faster >= faster and (not over or is_over <= over) and is_lean else 1)
