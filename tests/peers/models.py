"""The models as PyTorch writes them, with their parameters in terse's order."""

import torch

F = torch.nn.functional


class MLP(torch.nn.Sequential):
    """Dense layers of these widths with ReLU between them; with two widths, softmax regression."""

    def __init__(self, *widths):
        super().__init__(torch.nn.Flatten())
        for i, (n_in, n_out) in enumerate(zip(widths, widths[1:])):
            if i > 0:
                self.append(torch.nn.ReLU())
            self.append(torch.nn.Linear(n_in, n_out))


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


class Block(torch.nn.Module):
    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(n_out)
        self.conv2 = torch.nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(n_out)
        self.stride, self.more = stride, n_out - n_in

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.more:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(y + x)


class ResNet20(torch.nn.Module):
    """Of depth 6 n + 2."""

    def __init__(self, n=3):
        super().__init__()
        widths = [16] * (n + 1) + [32] * n + [64] * n
        self.conv, self.bn = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(16)
        self.blocks = torch.nn.Sequential(*(Block(a, b, b // a) for a, b in zip(widths, widths[1:])))
        self.fc = torch.nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.blocks(F.relu(self.bn(self.conv(x)))).mean((2, 3)))


class WideBlock(torch.nn.Module):
    """kernels: of its convolutions, the stride being that of the first 3 x 3 one."""

    def __init__(self, n_in, widths, kernels, stride):
        super().__init__()
        strides = [stride if i == kernels.index(3) else 1 for i in range(len(kernels))]
        self.path, before = torch.nn.Sequential(), n_in
        for width, kernel, s in zip(widths, kernels, strides):
            self.path.append(torch.nn.Conv2d(before, width, kernel, s, kernel // 2, bias=False))
            self.path.append(torch.nn.BatchNorm2d(width))
            before = width
        self.short = torch.nn.Sequential()
        if stride > 1 or n_in != before:
            self.short.append(torch.nn.Conv2d(n_in, before, 1, stride, bias=False))
            self.short.append(torch.nn.BatchNorm2d(before))

    def forward(self, x):
        y = x
        for i in range(0, len(self.path), 2):
            y = self.path[i + 1](self.path[i](y))
            if i + 2 < len(self.path):
                y = F.relu(y)
        return F.relu(y + self.short(x))


class WideResNet(torch.nn.Module):
    """Of depth 18, 34 or 50."""

    def __init__(self, depth, classes=10, width=64, large=False):
        super().__init__()
        blocks = [2, 2, 2, 2] if depth == 18 else [3, 4, 6, 3]
        kernels = [1, 3, 1] if depth == 50 else [3, 3]
        stem = dict(kernel_size=7, stride=2, padding=3) if large else dict(kernel_size=3, padding=1)
        self.conv = torch.nn.Conv2d(3, width, bias=False, **stem)
        self.bn, self.large = torch.nn.BatchNorm2d(width), large
        self.blocks, before = torch.nn.Sequential(), width
        for stage, n in enumerate(blocks):
            narrow = width << stage
            widths = [narrow, narrow, 4 * narrow] if depth == 50 else [narrow, narrow]
            for i in range(n):
                self.blocks.append(WideBlock(before, widths, kernels, 2 if stage > 0 and i == 0 else 1))
                before = widths[-1]
        self.fc = torch.nn.Linear(before, classes)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        if self.large:
            x = F.max_pool2d(x, 3, 2, 1)
        return self.fc(self.blocks(x).mean((2, 3)))


class VGG(torch.nn.Module):
    """With batch norm; large: two dense layers before the last one, on an image of this size."""

    def __init__(self, depth, classes=10, width=64, large=False, size=32):
        super().__init__()
        n = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}[depth]
        self.path, before = torch.nn.Sequential(), 3
        for stage, repeats in enumerate(n):
            for _ in range(repeats):
                after = width << min(stage, 3)
                self.path.append(torch.nn.Conv2d(before, after, 3, padding=1))
                self.path.append(torch.nn.BatchNorm2d(after))
                self.path.append(torch.nn.ReLU(inplace=True))
                before = after
            self.path.append(torch.nn.MaxPool2d(2, 2))
        widths = [before * (size // 32) ** 2] + ([64 * width] * 2 if large else []) + [classes]
        self.head = MLP(*widths)

    def forward(self, x):
        return self.head(self.path(x))


class AlexNet(torch.nn.Sequential):
    """Without dropout, on an image of this size."""

    def __init__(self, classes=10, width=64, size=224):
        super().__init__()
        before = 3
        for channels, kernel, stride, pad, pool in (
            (64, 11, 4, 2, 1), (192, 5, 1, 2, 1), (384, 3, 1, 1, 0), (256, 3, 1, 1, 0), (256, 3, 1, 1, 1)
        ):
            after = (channels * width + 63) // 64
            self.append(torch.nn.Conv2d(before, after, kernel, stride, pad))
            self.append(torch.nn.ReLU())
            if pool:
                self.append(torch.nn.MaxPool2d(3, 2))
            before, size = after, (size + 2 * pad - kernel) // stride + 1
            size = (size - 3) // 2 + 1 if pool else size
        self.append(MLP(before * size**2, 64 * width, 64 * width, classes))


class LanguageModel(torch.nn.Module):
    """Time-major: x is steps by batch."""

    def __init__(self, words, units, layers, tied=False, dropout=0.0):
        super().__init__()
        self.embedding = torch.nn.Embedding(words, units)
        self.lstm = torch.nn.LSTM(units, units, layers, dropout=dropout)
        self.decoder = torch.nn.Linear(units, words)
        self.drop = torch.nn.Dropout(dropout)
        if tied:
            self.decoder.weight = self.embedding.weight

    def forward(self, x, state):
        y, state = self.lstm(self.drop(self.embedding(x)), state)
        return self.decoder(self.drop(y)), state
