"""ResNet-18 with the small stem on CIFAR-10 (TERSE_DATA) beside PyTorch: see compare.py."""

from compare import compare, image_peer
from models import WideResNet

peer = image_peer(lambda: WideResNet(18), (3, 32, 32), 32, 1)
compare("ResNet-18", "resnet", "cifar10", 32, peer, faster=1.1, over=1.25, n_samples=7, n_steps=1, parameters="depth=18")
