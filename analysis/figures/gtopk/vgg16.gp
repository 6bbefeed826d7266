set title 'gTop-k and dense SGD: VGG-16 on CIFAR-10'
load 'loss-epoch.gp'
