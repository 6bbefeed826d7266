set title 'One bit each way: modelled time of an epoch'
set xlabel 'inverse bandwidth of every link (s/MB)'
set ylabel 'modelled seconds an epoch'
set logscale xy
set format xy '%g'
@curves
