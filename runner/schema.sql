-- The results database, version 1. Tables hold what the runs said; views are what users and figures may rely on.
-- Every table is STRICT; `cell` is the configuration's hash; a run is one execution of a cell.
PRAGMA application_id = 1952805491;
PRAGMA user_version = 1;

CREATE TABLE cell (
  hash TEXT PRIMARY KEY,
  config TEXT NOT NULL CHECK (json_valid(config)), -- canonical resolved configuration
  label TEXT NOT NULL,                             -- e.g. gtopk(recursive, density 0.01)
  method TEXT NOT NULL,
  compressor TEXT NOT NULL,                        -- stages joined by +; 'none' where the method takes none
  model TEXT NOT NULL,
  dataset TEXT NOT NULL,
  workers INTEGER NOT NULL CHECK (workers > 0),
  batch INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  device TEXT NOT NULL                             -- cpu, cuda
) STRICT, WITHOUT ROWID;

CREATE TABLE experiment_cell (
  experiment TEXT NOT NULL,
  tier TEXT NOT NULL,                              -- '' for the base alone
  cell TEXT NOT NULL REFERENCES cell (hash),
  position INTEGER,                                -- in the matrix as last run; NULL: no longer in it
  PRIMARY KEY (experiment, tier, cell)
) STRICT, WITHOUT ROWID;
CREATE INDEX experiment_cell_by_cell ON experiment_cell (cell);

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  cell TEXT NOT NULL REFERENCES cell (hash),
  attempt INTEGER NOT NULL,                        -- 1 for the cell's first run
  status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'diverged', 'interrupted', 'skipped', 'failed')),
  reason TEXT,                                     -- NULL where finished or running
  digest TEXT,                                     -- 16 hex digits over final parameters and state
  ranks INTEGER NOT NULL,
  started_at TEXT NOT NULL,                        -- UTC, 2026-01-31T12:00:00Z
  ended_at TEXT,
  wall_s REAL NOT NULL DEFAULT 0,                  -- of the whole job, start and evaluation included; all its sessions
  rounds INTEGER,                                  -- done so far
  planned_rounds INTEGER,
  n_params INTEGER,
  steps_per_epoch INTEGER,
  steps_per_round INTEGER,
  checkpoint_round INTEGER,                        -- of the newest checkpoint on disk
  checkpoint_line INTEGER,                         -- rows up to this line are in that checkpoint
  git_commit TEXT NOT NULL,
  git_dirty INTEGER NOT NULL,
  flags TEXT NOT NULL,                             -- the compiler's
  host TEXT NOT NULL,                              -- where the front process ran
  hosts TEXT,                                      -- JSON array: one a rank
  device TEXT,                                     -- description, e.g. "AMD EPYC, avx2"
  versions TEXT,                                   -- JSON object: mpi, onednn, sqlite, compiler
  launches INTEGER NOT NULL DEFAULT 0,             -- starts it took to hear from all ranks, all its sessions
  placement TEXT,                                  -- JSON object: cores, jobs, workers a rank
  UNIQUE (cell, attempt)
) STRICT;

-- `line` numbers what a run said, so that a resumed run can drop what came after its checkpoint. Counts are sums over all
-- participants and cumulative, times are those of the slowest rank and cumulative: as in runner/protocol.md.
CREATE TABLE curve_row (
  run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  round INTEGER NOT NULL,
  line INTEGER NOT NULL,
  epoch REAL NOT NULL,
  samples INTEGER NOT NULL,
  lr REAL,
  train_loss REAL,
  test_loss REAL,
  accuracy REAL,
  payload_bits_up INTEGER NOT NULL, payload_bits_down INTEGER NOT NULL, payload_bits_peer INTEGER NOT NULL,
  wire_bytes_up INTEGER NOT NULL, wire_bytes_down INTEGER NOT NULL, wire_bytes_peer INTEGER NOT NULL,
  theory_bits_up REAL, theory_bits_down REAL, theory_bits_peer REAL,
  messages INTEGER,
  crossing_bytes INTEGER,
  mpi_bytes INTEGER,
  wall_ns INTEGER NOT NULL,
  cpu_ns INTEGER,
  compute_ns INTEGER, encode_ns INTEGER, exchange_ns INTEGER, decode_ns INTEGER, update_ns INTEGER, other_ns INTEGER,
  PRIMARY KEY (run, round)
) STRICT, WITHOUT ROWID;

CREATE TABLE probe (
  run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  worker INTEGER NOT NULL,                         -- -1: shared
  round INTEGER NOT NULL,
  line INTEGER NOT NULL,
  epoch REAL NOT NULL,
  value REAL,                                      -- NULL: not finite
  PRIMARY KEY (run, name, worker, round)
) STRICT, WITHOUT ROWID;

CREATE TABLE exchange (
  run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  first_round INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  line INTEGER NOT NULL,
  n_rounds INTEGER NOT NULL,
  operation TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  participants INTEGER NOT NULL,
  up_max_bytes INTEGER NOT NULL, up_sum_bytes INTEGER NOT NULL,
  up_max_payload_bits INTEGER NOT NULL, up_sum_payload_bits INTEGER NOT NULL,
  down_max_bytes INTEGER NOT NULL, down_sum_bytes INTEGER NOT NULL,
  down_max_payload_bits INTEGER NOT NULL, down_sum_payload_bits INTEGER NOT NULL,
  peer_max_bytes INTEGER NOT NULL, peer_sum_bytes INTEGER NOT NULL,
  peer_max_payload_bits INTEGER NOT NULL, peer_sum_payload_bits INTEGER NOT NULL,
  PRIMARY KEY (run, first_round, sequence)
) STRICT, WITHOUT ROWID;

-- What was published, as an experiment file claims it, and what the results said when `terse claims` last asked.
CREATE TABLE claim (
  experiment TEXT NOT NULL,
  id TEXT NOT NULL,
  position INTEGER NOT NULL,
  statement TEXT NOT NULL,                         -- in words
  query TEXT NOT NULL,                             -- answers `value` (exact) or rows of `seed, value`
  published REAL NOT NULL,
  relation TEXT NOT NULL CHECK (relation IN ('equal', 'at_most', 'at_least')), -- what is measured stands to it
  tolerance REAL NOT NULL,
  standing TEXT NOT NULL,                          -- code, abs, mem, mem?, der, rec: how the published value is known
  PRIMARY KEY (experiment, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdict (
  experiment TEXT NOT NULL,
  id TEXT NOT NULL,
  tier TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'contradicted', 'inconclusive')),
  measured REAL,                                   -- mean over seeds; NULL: no results
  low REAL,                                        -- its 95 % interval; NULL: unbounded
  high REAL,
  seeds INTEGER NOT NULL,                          -- 0: an exact number, or no results
  judged_at TEXT NOT NULL,
  PRIMARY KEY (experiment, id, tier),
  FOREIGN KEY (experiment, id) REFERENCES claim (experiment, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

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
