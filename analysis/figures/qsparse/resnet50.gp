set title 'ResNet-50, 8 workers: training loss against bits'
load 'loss-bits.gp'
