"""LeNet-5 on Fashion-MNIST beside PyTorch: see compare.py."""

from compare import compare, image_peer, torch

F = torch.nn.functional


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


peer = image_peer(LeNet5, (1, 28, 28), 32, 20)
compare("LeNet-5", "lenet5", "fashion-mnist", 32, peer, faster=1.3, over=1.25)
