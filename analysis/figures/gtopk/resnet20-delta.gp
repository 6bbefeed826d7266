load 'gtopk/delta.gp'
