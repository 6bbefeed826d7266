set title 'Modelled time of one aggregation: d = 25 * 2^20, density 0.001, 1 GbE'
set xlabel 'workers M'
set ylabel 'modelled time (ms)'
set logscale x 2
set logscale y
@curves
