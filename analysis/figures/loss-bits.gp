set xlabel 'payload a worker, up, down and to peers (Mbit)'
set ylabel 'training loss (mean cross-entropy, nats)'
set logscale x
set format x '%g'
@curves
