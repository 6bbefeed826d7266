"""ResNet-20 on CIFAR-10 (TERSE_DATA) beside PyTorch: see compare.py."""

from compare import compare, image_peer
from models import ResNet20

peer = image_peer(ResNet20, (3, 32, 32), 32, 4)
compare("ResNet-20", "resnet20", "cifar10", 32, peer, faster=1.2, over=1.25, n_samples=10, n_steps=4)
