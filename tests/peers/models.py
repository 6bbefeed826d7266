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
    def __init__(self):
        super().__init__()
        widths = [16] * 4 + [32] * 3 + [64] * 3
        self.conv, self.bn = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(16)
        self.blocks = torch.nn.Sequential(*(Block(a, b, b // a) for a, b in zip(widths, widths[1:])))
        self.fc = torch.nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.blocks(F.relu(self.bn(self.conv(x)))).mean((2, 3)))


class LanguageModel(torch.nn.Module):
    """Time-major: x is steps by batch."""

    def __init__(self, words, units, layers):
        super().__init__()
        self.embedding = torch.nn.Embedding(words, units)
        self.lstm = torch.nn.LSTM(units, units, layers)
        self.decoder = torch.nn.Linear(units, words)

    def forward(self, x, state):
        y, state = self.lstm(self.embedding(x), state)
        return self.decoder(y), state
