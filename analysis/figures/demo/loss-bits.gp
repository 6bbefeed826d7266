set title 'Training loss against communication'
load 'loss-bits.gp'
