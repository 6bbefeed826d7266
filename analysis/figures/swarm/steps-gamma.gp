set title 'SwarmSGD: distance of the workers from their mean'
load 'epochs.gp'
set ylabel 'Gamma_t, sum of squared distances'
set logscale y
set format y '%g'
@curves
