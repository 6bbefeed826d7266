-- Gamma_t = sum_i |x_i - mean|^2 against epochs, of the step sizes that the accuracy's picture shows.
.read tuned.sql
WITH shown AS (SELECT DISTINCT run, setting, title, place, seed FROM tuned), gamma AS (
  SELECT setting, title, place, seed, round, epoch, sum(value) AS gamma
  FROM probes JOIN shown USING (run, seed)
  WHERE experiment = :experiment AND tier = :tier AND name = 'consensus_distance2' AND round > 0
  GROUP BY run, round
)
SELECT setting, title, avg(epoch), avg(gamma), min(gamma), max(gamma) FROM gamma
GROUP BY setting, round ORDER BY place, setting, round;
