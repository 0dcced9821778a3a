-- +goose Up
-- What interactions were like when they ended, for answers that name them. References are kept
-- without their brand; '' is none. The ticket is in the name of the interaction.
CREATE TABLE ended_interaction (
  brand       TEXT    NOT NULL,
  interaction TEXT    NOT NULL,
  end_time    BIGINT  NOT NULL,
  customer    TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  team        TEXT    NOT NULL,
  partner     TEXT    NOT NULL,
  channel     INTEGER NOT NULL,
  stage       INTEGER NOT NULL,
  phase       INTEGER NOT NULL,
  PRIMARY KEY (brand, interaction)
);
CREATE INDEX ended_interaction_by_time     ON ended_interaction (brand, end_time);
CREATE INDEX ended_interaction_by_customer ON ended_interaction (brand, customer, interaction);

ALTER TABLE ended_interaction ENABLE ROW LEVEL SECURITY;
CREATE POLICY brand ON ended_interaction
  USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
  WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*');
