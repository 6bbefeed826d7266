set title 'Training loss beside delta'
load 'loss-epoch.gp'
