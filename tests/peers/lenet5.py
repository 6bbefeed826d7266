"""A LeNet-5 training step of terse beside PyTorch's, and beside terse's own library calls.

    /usr/bin/python3 tests/peers/lenet5.py ./terse

Both programs compute one step of momentum SGD (forward, backward, update) of the same architecture on 32 Fashion-MNIST
images, on one thread. Samples alternate (ours, PyTorch's, ours, ...) so that both see the same machine; CPU time of the
thread is compared, medians of 20. Exit status 1 where a goal is missed:
  - at least 1.3 times faster than PyTorch,
  - at most 1.25 times the sum of its oneDNN calls timed alone.
"""

import json
import os
import statistics
import subprocess
import sys
import time

THREADS = "1"
os.environ["OMP_NUM_THREADS"] = THREADS  # before torch loads OpenMP; terse inherits it

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

BATCH, SAMPLES, STEPS, WARM_UP_STEPS = 32, 20, 20, 20
FASTER_THAN_TORCH, OVER_LIBRARY = 1.3, 1.25


class LeNet5(torch.nn.Module):
    """Pooling comes before ReLU: the same function as after it, and less work for PyTorch too."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = torch.nn.Conv2d(6, 16, 5)
        self.fc1 = torch.nn.Linear(400, 120)
        self.fc2 = torch.nn.Linear(120, 84)
        self.fc3 = torch.nn.Linear(84, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


class TorchStep:
    """The images are drawn anew for each step from a set in memory, as terse takes them from its own."""

    def __init__(self, memory_format):
        torch.manual_seed(1)
        self.model = LeNet5().to(memory_format=memory_format)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.images = torch.randn(2048, 1, 28, 28).contiguous(memory_format=memory_format)
        self.labels = torch.randint(0, 10, (2048,))

    def __call__(self):
        ids = torch.randint(0, 2048, (BATCH,))
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(self.images[ids]), self.labels[ids]).backward()
        self.optimizer.step()

    def sample(self):
        begin = time.thread_time_ns()
        for _ in range(STEPS):
            self()
        return (time.thread_time_ns() - begin) / STEPS


def fastest_layout():
    """PyTorch in the memory layout that suits it best here."""
    steps = [TorchStep(f) for f in (torch.contiguous_format, torch.channels_last)]
    for step in steps:
        for _ in range(WARM_UP_STEPS):
            step()
    return min(steps, key=lambda step: min(step.sample() for _ in range(3)))


def main(program):
    torch.set_num_threads(1)
    peer = fastest_layout()
    command = [program, "bench", "step", "--model", "lenet5", "--dataset", "fashion-mnist"]
    command += ["--batch", str(BATCH), "--steps", str(STEPS), "--serve"]
    ours, library, torchs = [], [], []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        for _ in range(SAMPLES):
            server.stdin.write("sample\n")
            server.stdin.flush()
            line = server.stdout.readline()
            if not line:
                sys.exit(f"{program} ended early with status {server.wait()}")
            answer = json.loads(line)
            ours.append(answer["step_ns"] / 1e6)
            library.append(answer["library_ns"] / 1e6)
            torchs.append(peer.sample() / 1e6)
        server.stdin.close()
    if server.returncode != 0:
        sys.exit(f"{program} ended with status {server.returncode}")

    print(f"LeNet-5, batch {BATCH}, one thread: medians of {SAMPLES} alternating samples of {STEPS} steps, CPU time")
    for name, values in (("terse", ours), ("its oneDNN calls alone", library), (f"PyTorch {torch.__version__}", torchs)):
        print(f"  {name:24} {statistics.median(values):8.3f} ms  ({min(values):.3f} to {max(values):.3f})")
    faster = statistics.median(torchs) / statistics.median(ours)
    over = statistics.median(ours) / statistics.median(library)
    print(f"  {'faster than PyTorch':24} {faster:8.2f} x   (goal: at least {FASTER_THAN_TORCH})")
    print(f"  {'over its library calls':24} {over:8.2f} x   (goal: at most {OVER_LIBRARY})")
    return 0 if faster >= FASTER_THAN_TORCH and over <= OVER_LIBRARY else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
