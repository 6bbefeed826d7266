set title 'Training loss against communication'
set xlabel 'payload sent by a worker (Mbit)'
set ylabel 'training loss (mean cross-entropy, nats)'
set logscale x
set format x '%g'
@curves
