set title 'Assumption 1 by tensor (not published by the authors)'
load 'epochs.gp'
set ylabel 'delta of the tensor'
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype 1 linecolor rgb '#888888'
set yrange [*:1.005<*]
@curves
