"""VGG-16 with batch norm on CIFAR-10 (TERSE_DATA) beside PyTorch: see compare.py."""

from compare import compare, image_peer
from models import VGG

peer = image_peer(lambda: VGG(16), (3, 32, 32), 32, 1)
compare("VGG-16", "vgg", "cifar10", 32, peer, faster=1.1, over=1.25, n_samples=7, n_steps=1, parameters="depth=16")
