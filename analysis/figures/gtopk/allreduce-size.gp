set title 'Modelled time of one aggregation: M = 32, density 0.001, 1 GbE'
set xlabel 'parameters d (2^20)'
set ylabel 'modelled time (ms)'
set logscale x 2
set logscale y
@curves
