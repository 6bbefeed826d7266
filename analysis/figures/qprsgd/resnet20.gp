set title 'Quantized-PR-SGD (reconstruction): training loss against bits, CIFAR-10'
load 'loss-bits.gp'
