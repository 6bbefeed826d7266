-- Test error against the bits a worker sends to the server, as the paper counts them: the way back is left out.
.read tuned.sql
SELECT setting, title, avg(payload_bits_up + payload_bits_peer) / 1e6, 1 - avg(accuracy), 1 - max(accuracy),
       1 - min(accuracy)
FROM tuned WHERE payload_bits > 0
GROUP BY setting, round HAVING count(accuracy) = n_seeds
ORDER BY place, setting, round;
