-- Test accuracy of the mean model against epochs.
.read tuned.sql
SELECT setting, title, avg(epoch), 100 * avg(accuracy), 100 * min(accuracy), 100 * max(accuracy)
FROM tuned WHERE round > 0
GROUP BY setting, round HAVING count(accuracy) = n_seeds
ORDER BY place, setting, round;
