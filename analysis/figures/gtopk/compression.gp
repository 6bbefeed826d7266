set title 'gTop-k at compression ratios c = 1/density'
load 'loss-epoch.gp'
