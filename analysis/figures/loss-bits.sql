-- Training loss against the megabits a worker's share of the traffic holds, up, down and between workers.
.read tuned.sql
SELECT setting, title, avg(payload_bits) / 1e6, avg(train_loss), min(train_loss), max(train_loss)
FROM tuned WHERE payload_bits > 0
GROUP BY setting, round HAVING count(train_loss) = n_seeds
ORDER BY place, setting, round;
