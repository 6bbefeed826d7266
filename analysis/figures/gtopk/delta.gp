set title 'Assumption 1: it holds where delta <= 1'
load 'epochs.gp'
set ylabel 'delta = |x - gTopk/M|^2 over the denominator'
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype 1 linecolor rgb '#888888'
set yrange [*:1.005<*]
set format y '%.3f'
@curves
