set title 'Quantized-PR-SGD (reconstruction): training loss against bits'
load 'loss-bits.gp'
