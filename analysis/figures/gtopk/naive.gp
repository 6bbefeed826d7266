set title 'Naive and recursive gTop-k against dense SGD'
load 'loss-epoch.gp'
