set title 'gTop-k and dense SGD: ResNet-20 on CIFAR-10'
load 'loss-epoch.gp'
