set title 'Softmax regression, 15 workers: training loss against bits'
load 'loss-bits.gp'
