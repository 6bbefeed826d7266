"""ResNet-20 on CIFAR-10 (TERSE_DATA) beside PyTorch: see compare.py."""

from compare import compare, image_peer, torch

F = torch.nn.functional


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


peer = image_peer(ResNet20, (3, 32, 32), 32, 4)
compare("ResNet-20", "resnet20", "cifar10", 32, peer, faster=1.2, over=1.25, n_samples=10, n_steps=4)
