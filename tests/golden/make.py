"""Makes the goldens beside this file: loss and gradient of each model by PyTorch in fp64, and how far PyTorch's own
fp32 is from that. Parameters, samples and signs are drawn on both sides (draws.py, core/rng.h), so that a file holds
only the loss, every tensor's gradient norm with fp32's relative error, and 64 projections of the gradient on random
signs with fp32's error of the whole. tests/test_golden.c reads them.

The fp32 errors depend on the libraries' loops: they are held to those of AVX2, so that the files come out the same.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # all of it before torch loads the libraries
os.environ["OPENBLAS_CORETYPE"], os.environ["ATEN_CPU_CAPABILITY"] = "Haswell", "avx2"
os.environ["DNNL_MAX_CPU_ISA"] = "AVX2"

import numpy as np  # noqa: E402
import torch  # noqa: E402

import draws  # noqa: E402

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, "..", "peers"))
from models import MLP, LanguageModel, LeNet5, ResNet20  # noqa: E402

SEED, SIGNS = 11, 64
torch.set_num_threads(1)


def initial(module, name, shape):
    """The distribution of a parameter as models/graph.h has it: its kind and scale."""
    if isinstance(module, torch.nn.BatchNorm2d):
        return "constant", 1 if name == "weight" else 0
    if isinstance(module, torch.nn.Embedding):
        return "uniform", 0.1
    if isinstance(module, torch.nn.LSTM):
        return "uniform", 1 / module.hidden_size**0.5
    fan_in = np.prod(module.weight.shape[1:])
    if isinstance(module, torch.nn.Conv2d) and module.bias is None:
        return "normal", (2 / fan_in) ** 0.5
    return "uniform", 1 / fan_in**0.5


def fill(model):
    """As net_init: one stream, indexed by the position in the vector of all parameters."""
    offset = 0
    for module in model.modules():
        for name, p in module.named_parameters(recurse=False):
            kind, scale = initial(module, name, p.shape)
            word = draws.word_run(SEED, draws.INIT, -1, 0, offset, p.numel())
            x = draws.normal(word) if kind == "normal" else np.float32(2) * draws.uniform(word) - np.float32(1)
            if kind == "constant":
                x = np.ones_like(x)
            p.data = torch.from_numpy((x * np.float32(scale)).reshape(tuple(p.shape)))
            offset += p.numel()


def images(shape, classes, batch):
    """Samples 0 to batch - 1 of random_data (tests/net_fixture.c)."""
    n = int(np.prod(shape))
    x = np.stack([draws.normal(draws.word_run(1, draws.TEST, -1, i, 0, n)) for i in range(batch)])
    label = [int(draws.words(1, draws.TEST, -1, i, n, 1)[0, 0]) % classes for i in range(batch)]
    return torch.from_numpy(x.reshape(batch, *shape)), torch.tensor(label)


def text(steps, classes, batch, lane, t):
    """Samples lane j + t of random_text, for j below batch: inputs and labels, time-major."""
    first = [(lane * j + t) * steps for j in range(batch)]
    word = np.stack([draws.words(3, draws.TEST, -1, 0, i, steps + 1)[:, 0] % classes for i in first], axis=1)
    word = torch.from_numpy(word.astype(np.int64))
    return word[:-1], word[1:]


def image_loss(model, case):
    x, label = images(case["shape"], case["classes"], case["batch"])
    return torch.nn.functional.cross_entropy(model(x.to(next(model.parameters()).dtype)), label)


def text_loss(model, case):
    """Of the second batch, to which the first one's h and c are carried."""
    state = None
    for t in range(2):
        x, label = text(case["shape"][2], case["classes"], case["batch"], case["lane"], t)
        y, state = model(x, state)
        state = tuple(s.detach() for s in state)
    return torch.nn.functional.cross_entropy(y.flatten(0, 1), label.flatten())


def gradient(model, case, dtype):
    model.to(dtype)
    model.zero_grad(set_to_none=True)
    loss = (text_loss if case["lane"] else image_loss)(model, case)
    loss.backward()
    return loss.item(), [p.grad.double().numpy().flatten() for p in model.parameters()]


def project(vector):
    """Its sums under 64 rows of random signs: bit j of the two words drawn for an element is 1 for a minus in row j."""
    drawn = draws.words(2, draws.TEST, -1, 0, 0, len(vector))
    for j in range(SIGNS):
        yield float(np.sum(np.where(drawn[:, j // 32] >> np.uint32(j % 32) & np.uint32(1), -vector, vector)))


def make(file, name, model, parameters="", lane=0, **case):
    """lane: of a text, how many samples apart the members of a batch are."""
    case["lane"] = lane
    fill(model)
    size = np.linalg.norm
    loss32, g32 = gradient(model, case, torch.float32)
    loss, g = gradient(model, case, torch.float64)
    whole, whole32 = np.concatenate(g), np.concatenate(g32)
    with open(os.path.join(FOLDER, file + ".txt"), "w") as out:
        print(f"PyTorch {torch.__version__} fp64, by tests/golden/make.py", file=out)
        print("model", name, parameters or "-", file=out)
        print("shape", *case["shape"], "classes", case["classes"], "batch", case["batch"], "lane", lane, file=out)
        print(f"seed {SEED} loss {loss:.10e} tensors {len(g)}", file=out)
        for (tensor, p), a, b in zip(model.named_parameters(), g, g32):
            print(f"{tensor} {p.numel()} {size(a):.10e} {size(b - a) / size(a):.1e}", file=out)
        print(f"whole {len(whole)} {size(whole):.10e} {size(whole32 - whole) / size(whole):.1e}", file=out)
        for p in project(whole):
            print(f"{p:.10e}", file=out)
    print(f"{file:10} loss {loss:.6f} (fp32 {abs(loss32 - loss) / loss:.1e}) gradient {size(whole):.4g} "
          f"(fp32 {size(whole32 - whole) / size(whole):.1e})")


grey, colour = (1, 28, 28), (3, 32, 32)
make("softmax", "softmax", MLP(784, 10), shape=grey, classes=10, batch=8)
make("mlp", "mlp", MLP(784, 200, 200, 10), shape=grey, classes=10, batch=8)
make("lenet5", "lenet5", LeNet5(), shape=grey, classes=10, batch=8)
make("resnet20", "resnet20", ResNet20(), shape=colour, classes=10, batch=8)
make("lstm-3x12", "lstm", LanguageModel(50, 12, 3), "layers=3,units=12", lane=2, shape=(1, 1, 9), classes=50, batch=4)
make("lstm-2x200", "lstm", LanguageModel(500, 200, 2), lane=2, shape=(1, 1, 35), classes=500, batch=4)
