# The axis of epochs: of few, every one is marked and nothing between.
set xlabel 'epoch'
stats data using 1 nooutput
if (STATS_max <= 10) { set xtics 1 }
