-- What one aggregation costs by the paper's network model: hops (each alpha) and words of 32 bits on the critical path (each
-- beta), from the exchanges that the runs made, per kept coordinate k (per parameter for dense SGD). The largest sender of
-- an exchange is its critical path: of a binomial broadcast the root, who sends log2 M times.
CREATE TEMP VIEW cost AS
SELECT e.experiment, e.tier, e.workers, e.method, e.label, min(l.position) AS position,
       sum(CASE e.operation WHEN 'transfer' THEN 1 WHEN 'allreduce' THEN 2 * (e.workers - 1) ELSE log2(e.workers) END) AS hops,
       sum(e.peer_max_payload_bits) / 32.0 / iif(e.method = 'sgd', 1, 0.001) / l.n_params AS words
FROM exchanges AS e JOIN latest AS l ON l.id = e.run AND l.experiment = e.experiment AND l.tier = e.tier
WHERE e.first_round = 0
GROUP BY e.run, e.experiment, e.tier;
