-- The results database, version 2. Tables hold what the runs said; the views that users rely on are in views.sql.
-- Every table is STRICT; `cell` is the configuration's hash; a run is one execution of a cell.
PRAGMA application_id = 1952805491;
PRAGMA user_version = 2;

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
  digest TEXT,                                     -- 16 hex digits over final parameters and state; none where no run repeats
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
