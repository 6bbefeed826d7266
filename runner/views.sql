-- What users and figures may rely on. A database of an older version gets these views anew when it is next written.
-- Every run, once for each experiment and tier its cell belongs to.
CREATE VIEW runs AS
SELECT run.id, ec.experiment, ec.tier, run.cell, c.label, c.method, c.compressor, c.model, c.dataset, c.workers, c.batch,
       run.ranks, c.seed, c.device, run.attempt, run.status, run.reason, run.digest, run.rounds, run.planned_rounds,
       run.n_params, run.steps_per_epoch, run.steps_per_round, run.wall_s, run.launches, run.git_commit, run.git_dirty,
       run.flags, run.host, run.hosts, run.device AS device_description, run.versions, run.placement, run.started_at,
       run.ended_at, ec.position, c.config
FROM run JOIN cell AS c ON c.hash = run.cell JOIN experiment_cell AS ec ON ec.cell = run.cell;

-- The latest run with a result (diverging is one) of each cell of the matrix as last run: all that curve, final, probes and
-- exchanges show. Their column `status` says which result; older attempts and cells stay in `runs`.
CREATE VIEW latest AS
SELECT * FROM runs
WHERE position IS NOT NULL AND id = (SELECT max(r.id) FROM run AS r WHERE r.cell = runs.cell AND r.status IN ('finished', 'diverged'));

-- Evaluations along a run. Bits are cumulative means per worker (what all participants sent / workers); seconds are
-- cumulative, wall_s of training only and cpu_s and the phases as thread CPU time, both of the slowest rank.
CREATE VIEW curve AS
SELECT w.run, r.experiment, r.tier, r.cell, r.label, r.method, r.compressor, r.model, r.dataset, r.workers, r.batch,
       r.ranks, r.seed, r.device, r.status, w.round, w.epoch, w.samples, w.lr, w.train_loss, w.test_loss, w.accuracy,
       1.0 * (w.payload_bits_up + w.payload_bits_down + w.payload_bits_peer) / r.workers AS payload_bits,
       8.0 * (w.wire_bytes_up + w.wire_bytes_down + w.wire_bytes_peer) / r.workers AS wire_bits,
       (w.theory_bits_up + w.theory_bits_down + w.theory_bits_peer) / r.workers AS theory_bits,
       1.0 * w.payload_bits_up / r.workers AS payload_bits_up,
       1.0 * w.payload_bits_down / r.workers AS payload_bits_down,
       1.0 * w.payload_bits_peer / r.workers AS payload_bits_peer,
       8.0 * w.wire_bytes_up / r.workers AS wire_bits_up,
       8.0 * w.wire_bytes_down / r.workers AS wire_bits_down,
       8.0 * w.wire_bytes_peer / r.workers AS wire_bits_peer,
       w.theory_bits_up / r.workers AS theory_bits_up,
       w.theory_bits_down / r.workers AS theory_bits_down,
       w.theory_bits_peer / r.workers AS theory_bits_peer,
       w.messages, w.crossing_bytes, w.mpi_bytes,
       w.wall_ns / 1e9 AS wall_s, w.cpu_ns / 1e9 AS cpu_s, w.compute_ns / 1e9 AS compute_s, w.encode_ns / 1e9 AS encode_s,
       w.exchange_ns / 1e9 AS exchange_s, w.decode_ns / 1e9 AS decode_s, w.update_ns / 1e9 AS update_s,
       w.other_ns / 1e9 AS other_s, r.n_params, r.steps_per_epoch, r.steps_per_round, r.position, r.config
FROM curve_row AS w JOIN latest AS r ON r.id = w.run;

-- The last evaluation of each cell. dense_payload_bits is what `sgd` of the same experiment, tier, model, data set,
-- workers and batch sends a worker for as many samples (NULL without such a cell), reduction that over payload_bits.
CREATE VIEW final AS
WITH last AS (
  SELECT * FROM curve WHERE round = (SELECT max(w.round) FROM curve_row AS w WHERE w.run = curve.run)
), dense AS (
  SELECT experiment, tier, model, dataset, workers, batch, avg(payload_bits / samples) AS payload_bits_per_sample,
         avg(wire_bits / samples) AS wire_bits_per_sample
  FROM last WHERE method = 'sgd' AND samples > 0
  GROUP BY experiment, tier, model, dataset, workers, batch
)
SELECT last.*, dense.payload_bits_per_sample * last.samples AS dense_payload_bits,
       dense.wire_bits_per_sample * last.samples AS dense_wire_bits,
       dense.payload_bits_per_sample * last.samples / nullif(last.payload_bits, 0) AS reduction,
       dense.wire_bits_per_sample * last.samples / nullif(last.wire_bits, 0) AS wire_reduction
FROM last LEFT JOIN dense USING (experiment, tier, model, dataset, workers, batch);

-- Named series of the latest runs; worker -1: shared by all.
CREATE VIEW probes AS
SELECT p.run, r.experiment, r.tier, r.cell, r.label, r.method, r.compressor, r.model, r.dataset, r.workers, r.seed,
       r.status, p.round, p.epoch, p.name, p.worker, p.value, r.config
FROM probe AS p JOIN latest AS r ON r.id = p.run;

-- What the network model reads: exchange number `sequence` of each of the rounds [first_round, first_round + n_rounds).
CREATE VIEW exchanges AS
SELECT r.experiment, r.tier, r.cell, r.label, r.method, r.compressor, r.model, r.dataset, r.workers, r.seed, r.status, e.run,
       e.first_round, e.n_rounds, e.sequence, e.operation, e.algorithm, e.participants,
       e.up_max_bytes, e.up_sum_bytes, e.up_max_payload_bits, e.up_sum_payload_bits,
       e.down_max_bytes, e.down_sum_bytes, e.down_max_payload_bits, e.down_sum_payload_bits,
       e.peer_max_bytes, e.peer_sum_bytes, e.peer_max_payload_bits, e.peer_sum_payload_bits, r.config
FROM exchange AS e JOIN latest AS r ON r.id = e.run;

-- Every claim with its verdicts, one for each tier with results when it was judged; NULL: not judged yet.
CREATE VIEW claims AS
SELECT c.experiment, v.tier, c.id, c.statement, c.published, c.relation, c.tolerance, c.standing, v.measured, v.low, v.high,
       v.seeds, v.verdict, v.judged_at, c.query, c.position
FROM claim AS c LEFT JOIN verdict AS v ON v.experiment = c.experiment AND v.id = c.id;

-- Links that modelled time is given for: every participant has one, full duplex, into a switch that never blocks.
CREATE VIEW network AS
SELECT column1 AS network, column2 AS bandwidth_bit_s, column3 AS latency_s FROM (VALUES
  ('10 Mbit/s', 1e7, 50e-6), ('100 Mbit/s', 1e8, 50e-6), ('1 Gbit/s', 1e9, 50e-6), ('10 Gbit/s', 1e10, 10e-6));

-- Modelled time of each cell, were every worker alone on its machine: never mixed with measured time. Computing is the
-- measured thread CPU time of a worker's gradients. An exchange takes its stages' latency and the transmission of the
-- busiest link; one that involves a part of the workers keeps only these busy, so that disjoint pairs count as parallel.
CREATE VIEW modelled AS
WITH link AS (
  SELECT e.run, n.network, n.bandwidth_bit_s, n.latency_s, e.n_rounds, min(1.0, 1.0 * e.participants / r.workers) AS share,
         CASE e.operation WHEN 'allreduce' THEN 2
           WHEN 'broadcast' THEN CASE e.algorithm WHEN 'binomial' THEN ceil(log2(e.participants)) ELSE 1 END
           ELSE 1 END AS stages,
         CASE e.operation
           WHEN 'allgather' THEN max(e.peer_max_bytes, 1.0 * e.peer_sum_bytes / e.participants)
           WHEN 'gather' THEN e.up_sum_bytes
           WHEN 'broadcast' THEN CASE e.algorithm
             WHEN 'binomial' THEN ceil(log2(e.participants)) * (e.down_sum_bytes + e.peer_sum_bytes) / (e.participants - 1)
             ELSE e.down_sum_bytes + e.peer_sum_bytes END
           ELSE max(e.up_sum_bytes, e.down_sum_bytes, e.peer_max_bytes) END AS bytes
  FROM exchange AS e JOIN latest AS r ON r.id = e.run CROSS JOIN network AS n
), link_sum AS (
  SELECT run, network, sum(n_rounds * share * (stages * latency_s + 8.0 * bytes / bandwidth_bit_s)) AS communication_s
  FROM link GROUP BY run, network
)
SELECT f.run, f.experiment, f.tier, f.cell, f.label, f.method, f.compressor, f.model, f.dataset, f.workers, f.seed, f.status,
       n.network, n.bandwidth_bit_s, n.latency_s, f.compute_s * f.ranks / f.workers AS compute_s,
       coalesce(l.communication_s, 0) AS communication_s,
       f.compute_s * f.ranks / f.workers + coalesce(l.communication_s, 0) AS total_s, f.config
FROM final AS f CROSS JOIN network AS n LEFT JOIN link_sum AS l ON l.run = f.run AND l.network = n.network;
