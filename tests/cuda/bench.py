"""Training steps on a GPU beside PyTorch's, in the same precision: forward, backward and momentum SGD on batches taken
from a set in GPU memory. Samples alternate (ours, eager, compiled, ours, ...), each the mean of a row of steps up to the
end of the last; medians are compared. Compiled: torch.compile with CUDA graphs. The exit status is 1 where a goal is
missed.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))
import models  # noqa: E402

TERSE = sys.argv[1]
WORDS, STEPS = 10000, 35
GPU = torch.device("cuda")
N_SAMPLES = 11


class Server:
    """`terse bench step --serve`: a sample, in ms a step, for every call."""

    def __init__(self, *words):
        command = [TERSE, "bench", "step", "--device", "cuda", "--serve", *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self):
        self.process.stdin.write("sample\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{' '.join(self.process.args)} ended early with status {self.process.wait()}")
        return json.loads(line)["step_ns"] / 1e6

    def __call__(self):
        self.ask()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def precise(math):
    """PyTorch's context for a math."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = math == "tf32"
    return torch.autocast("cuda", torch.bfloat16, enabled=math == "bf16")


def images_step(model, batch, math, compiled):
    model = model.to(GPU).to(memory_format=torch.channels_last)
    images = torch.randn(2048, 3, 32, 32, device=GPU).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (2048,), device=GPU)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    run = torch.compile(model, mode="reduce-overhead") if compiled else model

    def step():
        ids = torch.randint(0, 2048, (batch,), device=GPU)
        optimizer.zero_grad(set_to_none=True)
        with precise(math):
            loss = torch.nn.functional.cross_entropy(run(images[ids]), labels[ids])
        loss.backward()
        optimizer.step()

    return step


def text_step(units, batch, math, compiled):
    model = models.LanguageModel(WORDS, units, 2, dropout=0.65).to(GPU)
    words = torch.randint(0, WORDS, (1000, batch), device=GPU)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    run = torch.compile(model) if compiled else model
    state = None

    def step():
        nonlocal state
        at = int(torch.randint(0, 1000 - STEPS - 1, (1,)))
        optimizer.zero_grad(set_to_none=True)
        with precise(math):
            y, after = run(words[at : at + STEPS], state)
            loss = torch.nn.functional.cross_entropy(y.flatten(0, 1).float(), words[at + 1 : at + STEPS + 1].flatten())
        state = tuple(s.detach().clone() for s in after)
        loss.backward()
        optimizer.step()

    return step


def sample(step, n_steps):
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(n_steps):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) * 1e3 / n_steps


def compare(title, words, make_peer, math, n_steps, eager=None, compiled=None):
    """eager, compiled: how many times faster than each is the goal."""
    ours = Server("--math", math, "--steps", str(n_steps), *words)
    peers = {"eager": make_peer(False), "compiled": make_peer(True)}
    for step in peers.values():
        sample(step, 10), sample(step, n_steps)
    ours()
    times = {"terse": [], "eager": [], "compiled": []}
    for _ in range(N_SAMPLES):
        times["terse"].append(ours())
        for name, step in peers.items():
            times[name].append(sample(step, n_steps))
    ours.close()
    print(f"{title}, {math}: medians of {N_SAMPLES} alternating samples of {n_steps} steps")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"  {name:10} {medians[name]:8.3f} ms  ({min(values):.3f} to {max(values):.3f})")
    met = True
    for name, goal in (("eager", eager), ("compiled", compiled)):
        ratio = medians[name] / medians["terse"]
        print(f"  {ratio:.2f} x {name}" + (f"  (goal: at least {goal})" if goal else ""))
        met = met and (not goal or ratio >= goal)
    return met


def compare_workers(n_steps):
    """Eight workers in one process beside eight processes that share the GPU in turns."""
    words = ["--model", "resnet20", "--dataset", "cifar10", "--batch", "32", "--math", "tf32", "--steps", str(n_steps)]
    one = Server(*words, "--workers", "8")
    one()
    together = statistics.median(one() for _ in range(5)) / 8
    one.close()
    many = [Server(*words) for _ in range(8)]
    apart = []
    for _ in range(6):
        for server in many:
            server.ask()
        apart.append(1 / sum(1 / server.answer() for server in many))
    for server in many:
        server.close()
    ratio = statistics.median(apart[1:]) / together
    print(f"ResNet-20, batch 32, 8 workers, tf32: {together:.3f} ms a worker's step in one process, "
          f"{statistics.median(apart[1:]):.3f} in eight: {ratio:.2f} x the throughput  (goal: at least 3)")
    return ratio >= 3


def image_words(model, batch, *parameters):
    return ["--model", model, "--dataset", "cifar10", "--batch", str(batch), *parameters]


print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, "
      f"{torch.cuda.get_device_name(0)}")
met = [
    compare("ResNet-20, batch 32", image_words("resnet20", 32),
            lambda c: images_step(models.ResNet20(), 32, "tf32", c), "tf32", 100, eager=6, compiled=1.2),
    compare_workers(50),
]
for math in ("tf32", "bf16"):
    met += [
        compare("ResNet-18, batch 128", image_words("resnet", 128, "--with", "depth=18"),
                lambda c: images_step(models.WideResNet(18), 128, math, c), math, 30, compiled=1.1),
        compare("VGG-16, batch 128", image_words("vgg", 128, "--with", "depth=16"),
                lambda c: images_step(models.VGG(16), 128, math, c), math, 30, compiled=1.1),
    ]
met.append(compare("LSTM 2 x 1500, batch 20",
                   ["--model", "lstm", "--dataset", "ptb", "--batch", "20", "--with", "units=1500,dropout=0.65"],
                   lambda c: text_step(1500, 20, "tf32", c), "tf32", 20, compiled=1.1))
sys.exit(0 if all(met) else 1)
