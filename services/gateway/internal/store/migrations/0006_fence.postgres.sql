-- +goose Up
-- A row is shown to, changed for and taken from those alone who work for its brand, as
-- concentric.brand says until their transaction ends: a brand, or * for all. Who has said
-- nothing finds nothing. The owner of the tables is not asked.
-- +goose StatementBegin
DO $$
DECLARE
  fenced TEXT;
BEGIN
  FOREACH fenced IN ARRAY ARRAY[
    'api_key', 'webhook_endpoint', 'webhook_delivery', 'operation', 'legal_hold', 'erasure',
    'erasure_subject', 'erasure_receipt', 'export', 'export_part', 'retention_policy', 'target'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format($policy$CREATE POLICY brand ON %I
      USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
      WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*')$policy$, fenced);
  END LOOP;
END $$;
-- +goose StatementEnd
