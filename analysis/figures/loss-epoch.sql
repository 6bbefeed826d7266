-- Training loss against epochs; a curve a setting, over seeds at equal rounds.
.read tuned.sql
SELECT setting, title, avg(epoch), avg(train_loss), min(train_loss), max(train_loss)
FROM tuned WHERE round > 0
GROUP BY setting, round HAVING count(train_loss) = n_seeds
ORDER BY place, setting, round;
