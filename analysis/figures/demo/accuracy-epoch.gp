set title 'Test accuracy against epochs'
set xlabel 'epoch'
set ylabel 'test accuracy (%)'
@curves
