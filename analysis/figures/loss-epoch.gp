load 'epochs.gp'
set ylabel 'training loss (mean cross-entropy, nats)'
set xrange [0:*]
set autoscale xfixmax
@curves
