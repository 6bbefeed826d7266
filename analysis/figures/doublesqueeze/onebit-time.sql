-- Modelled time of an epoch against the seconds a megabyte takes on every participant's link.
.read tuned.sql
SELECT t.setting, t.title, 8e6 / m.bandwidth_bit_s, avg(m.total_s / t.epoch), min(m.total_s / t.epoch), max(m.total_s / t.epoch)
FROM tuned AS t JOIN modelled AS m USING (run)
WHERE m.experiment = :experiment AND m.tier = :tier AND t.round = (SELECT max(round) FROM curve_row WHERE run = t.run)
GROUP BY t.setting, m.network
ORDER BY t.place, t.setting, m.bandwidth_bit_s DESC;
