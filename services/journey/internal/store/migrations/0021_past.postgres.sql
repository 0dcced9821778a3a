-- +goose Up
-- Merges that were taken back, for answers of the time between.
CREATE TABLE customer_link_past (
  brand       TEXT COLLATE "C" NOT NULL,
  member      TEXT COLLATE "C" NOT NULL,
  parent      TEXT COLLATE "C" NOT NULL,
  link_time   BIGINT NOT NULL,
  unlink_time BIGINT NOT NULL,
  PRIMARY KEY (brand, member, link_time)
);
CREATE INDEX customer_link_past_parent ON customer_link_past (brand, parent);
CREATE INDEX customer_link_parent      ON customer_link (brand, parent);

-- Since when a revision of a scoring model was the active one, until the next.
CREATE TABLE scoring_model_activation (
  brand         TEXT COLLATE "C" NOT NULL,
  activate_time BIGINT NOT NULL,
  model         TEXT COLLATE "C" NOT NULL,
  revision      BIGINT NOT NULL,
  PRIMARY KEY (brand, activate_time)
);
INSERT INTO scoring_model_activation (brand, activate_time, model, revision)
SELECT brand, activate_time, id, revision FROM scoring_model_revision WHERE activate_time IS NOT NULL ON CONFLICT DO NOTHING;
-- Where nothing took the place of a revision it was the model that is built in.
INSERT INTO scoring_model_activation (brand, activate_time, model, revision)
SELECT brand, retire_time, 'default', 1 FROM scoring_model_revision r WHERE retire_time IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM scoring_model_revision n WHERE n.brand = r.brand AND (n.id <> r.id OR n.revision <> r.revision)
    AND n.activate_time > r.retire_time - 60000000 AND n.activate_time <= r.retire_time) ON CONFLICT DO NOTHING;

ALTER TABLE customer_link_past ENABLE ROW LEVEL SECURITY;
CREATE POLICY brand ON customer_link_past
  USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
  WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*');

ALTER TABLE scoring_model_activation ENABLE ROW LEVEL SECURITY;
CREATE POLICY brand ON scoring_model_activation
  USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
  WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*');
