set title 'gTop-k and dense SGD: LSTM of 2 x 200 on Penn Treebank'
load 'loss-epoch.gp'
