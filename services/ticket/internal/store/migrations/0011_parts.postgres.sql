-- +goose Up
-- The parts of the operations that are done by all replicas together, until the operation
-- ends. output is NULL until the part is done; until lease_time somebody is at it.
CREATE TABLE operation_part (
  brand      TEXT NOT NULL,
  operation  TEXT NOT NULL,
  part       BIGINT NOT NULL,
  size       BIGINT NOT NULL, -- of the total of the operation
  input      BYTEA  NOT NULL,
  output     BYTEA,
  lease_time BIGINT NOT NULL,
  PRIMARY KEY (brand, operation, part)
);

ALTER TABLE operation_part ENABLE ROW LEVEL SECURITY;
CREATE POLICY brand ON operation_part
  USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
  WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*');
