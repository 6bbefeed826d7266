set title 'Softmax regression, 15 workers: test error against bits sent up'
set xlabel 'payload a worker sends (Mbit)'
set ylabel 'test error'
set logscale x
set format x '%g'
@curves
