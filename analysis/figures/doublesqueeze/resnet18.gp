set title 'One bit each way: training loss, ResNet-18 on CIFAR-10'
load 'loss-epoch.gp'
