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
) WITHOUT ROWID;
CREATE INDEX ended_interaction_by_time     ON ended_interaction (brand, end_time);
CREATE INDEX ended_interaction_by_customer ON ended_interaction (brand, customer, interaction);
