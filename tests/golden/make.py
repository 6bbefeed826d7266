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
from models import MLP, VGG, AlexNet, LanguageModel, LeNet5, ResNet20, WideResNet  # noqa: E402

SIGNS = 64
SEEDS = range(11, 75)  # of the parameters: the one that keeps farthest from ReLU's kinks is taken
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


def fill(model, seed):
    """As net_init: one stream, indexed by the position in the vector of all parameters."""
    offset, seen = 0, set()
    for module in model.modules():
        for name, p in module.named_parameters(recurse=False):
            if p in seen:  # tied
                continue
            seen.add(p)
            kind, scale = initial(module, name, p.shape)
            word = draws.word_run(seed, draws.INIT, -1, 0, offset, p.numel())
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


def margin(model, case):
    """How far from 0 the nearest input of a ReLU is. Rounding that carries one across changes the gradient by far more
    than rounding itself does, and how a program rounds depends on the machine: nothing is to be learnt from that."""
    nearest, relu = [float("inf")], torch.nn.functional.relu

    def watched(x, inplace=False):
        nearest[0] = min(nearest[0], x.detach().abs().min().item())
        return relu(x)

    torch.nn.functional.relu = watched
    model.to(torch.float64)
    with torch.no_grad():
        (text_loss if case["lane"] else image_loss)(model, case)
    torch.nn.functional.relu = relu
    return nearest[0]


def choose_seed(model, case):
    def of(seed):
        fill(model, seed)
        return margin(model, case)

    return max(SEEDS, key=of) if of(SEEDS[0]) < float("inf") else SEEDS[0]


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
    seed = choose_seed(model, case)
    fill(model, seed)
    size = np.linalg.norm
    loss32, g32 = gradient(model, case, torch.float32)
    loss, g = gradient(model, case, torch.float64)
    whole, whole32 = np.concatenate(g), np.concatenate(g32)
    with open(os.path.join(FOLDER, file + ".txt"), "w") as out:
        print(f"PyTorch {torch.__version__} fp64, by tests/golden/make.py", file=out)
        print("model", name, parameters or "-", file=out)
        print("shape", *case["shape"], "classes", case["classes"], "batch", case["batch"], "lane", lane, file=out)
        print(f"seed {seed} loss {loss:.10e} tensors {len(g)}", file=out)
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
make("resnet20", "resnet20", ResNet20(), shape=colour, classes=10, batch=2)
small, middle = (3, 16, 16), (3, 64, 64)
make("resnet32", "resnet", ResNet20(5), "depth=32", shape=small, classes=10, batch=2)
make("resnet18", "resnet", WideResNet(18), "depth=18", shape=small, classes=10, batch=2)
make("resnet34-narrow", "resnet", WideResNet(34, width=16), "depth=34,width=16", shape=small, classes=10, batch=2)
make("resnet50-narrow", "resnet", WideResNet(50, 20, 16, True), "depth=50,width=16,stem=large", shape=middle,
     classes=20, batch=2)
for depth in (11, 13, 16, 19):
    make(f"vgg{depth}-narrow", "vgg", VGG(depth, width=16), f"depth={depth},width=16", shape=colour, classes=10, batch=2)
make("vgg11-large-head", "vgg", VGG(11, 20, 8, True, 64), "depth=11,width=8,head=large,dropout=0", shape=middle,
     classes=20, batch=2)
make("alexnet-narrow", "alexnet", AlexNet(20, 8, 79), "width=8,dropout=0", shape=(3, 79, 79), classes=20, batch=2)
make("lstm-tied", "lstm", LanguageModel(50, 12, 2, True), "units=12,tied=true", lane=2, shape=(1, 1, 9), classes=50,
     batch=4)
make("lstm-3x12", "lstm", LanguageModel(50, 12, 3), "layers=3,units=12", lane=2, shape=(1, 1, 9), classes=50, batch=4)
make("lstm-2x200", "lstm", LanguageModel(500, 200, 2), lane=2, shape=(1, 1, 35), classes=500, batch=4)
