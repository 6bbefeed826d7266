set title 'gTop-k at three densities'
load 'loss-epoch.gp'
