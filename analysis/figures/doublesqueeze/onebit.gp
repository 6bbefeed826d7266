set title 'One bit each way: training loss'
load 'loss-epoch.gp'
