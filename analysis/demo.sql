-- The demo's outcome, a row a method: mean over seeds, +- half the range. Bits are what a worker sent in the whole run,
-- reduction is dense sgd's payload over the method's; seconds are training alone, of the slowest rank.
SELECT tier, label AS method, count(*) AS seeds,
       printf('%.2f ± %.2f', 100 * avg(accuracy), 50 * (max(accuracy) - min(accuracy))) AS "test accuracy %",
       printf('%.2f', avg(payload_bits) / 1e6) AS "payload Mbit",
       printf('%.2f', avg(wire_bits) / 1e6) AS "wire Mbit",
       coalesce(printf('%.1fx', avg(reduction)), '-') AS reduction,
       printf('%.1f', avg(wall_s)) AS seconds
FROM final WHERE experiment = 'demo'
GROUP BY tier, json_remove(config, '$.seed')
ORDER BY tier, min(position);
