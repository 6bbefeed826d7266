load 'epochs.gp'
set ylabel 'test accuracy (%)'
set xrange [0:*]
set autoscale xfixmax
@curves
