set title 'Test accuracy against epochs'
load 'accuracy-epoch.gp'
