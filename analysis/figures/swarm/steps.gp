set title 'SwarmSGD: accuracy of the mean model by local steps H'
load 'accuracy-epoch.gp'
