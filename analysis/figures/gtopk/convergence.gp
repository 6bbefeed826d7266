set title 'Convergence of gTop-k and dense SGD'
load 'loss-epoch.gp'
