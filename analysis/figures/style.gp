# What every figure shares. Before it: format, data (one block a curve: x, y, low, high), labels, caption, n_lines
# (of the caption).
# Curves differ by colour (Okabe and Ito's, told apart by the colour-blind), by dashes and by point, so that grey will do.
# Sizes are in points of an 800 wide picture: the curves' names stand under the plot, in one column where they are long, and
# the caption under them; both make the picture taller, not the plot smaller.
n_curves = words(labels)
longest = 0
do for [i=1:n_curves] { if (strlen(word(labels, i)) > longest) { longest = strlen(word(labels, i)) } }
n_columns = longest > 36 ? 1 : 2
key_height = 20 * ((n_curves + n_columns - 1) / n_columns)
caption_height = 14 * n_lines + 8
height = 460.0 + key_height + caption_height
if (format eq 'svg') { set terminal svg size 800,height dynamic noenhanced font 'DejaVu Sans,13' background 'white' } \
else { set terminal pdfcairo size 8in,height/100 noenhanced font 'DejaVu Sans,11' }
set datafile separator tab
set border 3 linewidth 0.8
set tics nomirror out
set grid linecolor rgb '#dddddd' linetype 1 linewidth 0.6
set key at screen 0.53,(caption_height + key_height + 8) / height center top horizontal Left reverse samplen 5 width 2 \
  maxcols n_columns
if (longest > 70) { set key font format eq 'svg' ? ',11' : ',9' }
set bmargin at screen (caption_height + key_height + 80) / height
set title offset 0,-0.3
set label 1 caption at screen 0.012,(caption_height - 8) / height left font ',9' textcolor rgb '#555555'

array colour[6] = ['#000000', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00']
array shape[6] = [7, 5, 9, 4, 6, 8]
set dashtype 2 '-'
set dashtype 3 '.'
set dashtype 4 '-.'
set dashtype 5 '--..'
set dashtype 6 '_'
do for [i=1:n_curves] {
  j = (i - 1) % 6 + 1
  k = (i - 1 + (i - 1) / 6) % 6 + 1 # beyond six curves a colour comes again with other dashes and points
  set style line i linecolor rgb colour[j] linewidth 1.8 dashtype k pointtype shape[k] pointsize 0.55
}
set style fill transparent solid 0.15 noborder

# A figure ends with @curves: the bands, and over them the means.
curves = "plot for [i=1:n_curves] data index i-1 using 1:3:4 with filledcurves linestyle i notitle, \
  for [i=1:n_curves] data index i-1 using 1:2 with linespoints linestyle i title word(labels, i)"
