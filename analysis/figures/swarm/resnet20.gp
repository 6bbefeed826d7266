set title 'SwarmSGD: accuracy of the mean model, ResNet-20 on CIFAR-10'
load 'accuracy-epoch.gp'
