"""LeNet-5 on Fashion-MNIST beside PyTorch: see compare.py."""

from compare import compare, image_peer
from models import LeNet5

peer = image_peer(LeNet5, (1, 28, 28), 32, 20)
compare("LeNet-5", "lenet5", "fashion-mnist", 32, peer, faster=1.3, over=1.25)
