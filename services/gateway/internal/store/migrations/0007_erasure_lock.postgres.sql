-- +goose Up
-- A row for each brand that holds are placed or erasures begun in: whoever does so locks it.
CREATE TABLE erasure_lock (
  brand TEXT PRIMARY KEY
);

ALTER TABLE erasure_lock ENABLE ROW LEVEL SECURITY;
CREATE POLICY brand ON erasure_lock
  USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
  WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*');

-- What was sealed with the secret key at the first start, by which another key is told.
CREATE TABLE key_check (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  sealed TEXT    NOT NULL
);
