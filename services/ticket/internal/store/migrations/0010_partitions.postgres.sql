-- +goose NO TRANSACTION
-- +goose Up
-- Interactions lie in sixteen partitions, by the hash of their brand.
-- Rows are copied while others read and write them, who keep the copy up to date by a
-- trigger, and then it takes the place of the table. What was copied before an interruption
-- stays copied.
-- +goose StatementBegin
CREATE OR REPLACE PROCEDURE seize(whole TEXT, mode TEXT) LANGUAGE plpgsql AS $seize$
DECLARE
  pause DOUBLE PRECISION := 0.1; -- seconds; it grows, as whoever comes waits behind each attempt
BEGIN
  LOOP
    BEGIN
      PERFORM set_config('lock_timeout', '100ms', TRUE); -- others wait behind this, and give up after 200
      EXECUTE format('LOCK TABLE %I IN %s MODE', whole, mode);
      PERFORM set_config('lock_timeout', '0', TRUE);
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(pause);
      pause := least(5, 2 * pause);
    END;
  END LOOP;
END $seize$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE PROCEDURE divide(whole TEXT) LANGUAGE plpgsql AS $divide$
DECLARE
  parts CONSTANT INTEGER := 16;
  step  CONSTANT BIGINT  := 64; -- pages a transaction
  fresh CONSTANT TEXT    := whole || '_divided';
  id    TEXT;   -- the columns of the key
  same  TEXT;   -- the condition that two rows have one key
  pages BIGINT;
  older TEXT[]; -- transactions that may not see all of the copy
  each  RECORD;
BEGIN
  IF (SELECT relkind = 'p' FROM pg_class WHERE oid = whole::REGCLASS) THEN
    RETURN;
  END IF;
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY place), string_agg(format('d.%1$I = OLD.%1$I', attname), ' AND ' ORDER BY place) INTO id, same
  FROM (SELECT indrelid, indkey FROM pg_index WHERE indrelid = whole::REGCLASS AND indisunique AND indpred IS NULL ORDER BY NOT indisprimary LIMIT 1) AS i,
    unnest(indkey::SMALLINT[]) WITH ORDINALITY AS k (number, place) JOIN pg_attribute ON attnum = number AND attrelid = whole::REGCLASS;

  -- The copy, with all that the table has. A partition has no policy, so that nobody
  -- but the owner sees a row of it other than through the table.
  IF to_regclass(fresh) IS NULL THEN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING INDEXES) PARTITION BY HASH (brand)', fresh, whole);
    FOR n IN 0 .. parts - 1 LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s)', whole || '_p' || n, fresh, parts, n);
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', whole || '_p' || n);
    END LOOP;
    FOR each IN SELECT relname, indisunique, pg_get_indexdef(indexrelid) AS text, pg_get_constraintdef(c.oid) AS key
      FROM pg_index JOIN pg_class r ON r.oid = indexrelid LEFT JOIN pg_constraint c ON conindid = indexrelid AND contype = 'p'
      WHERE indrelid = whole::REGCLASS ORDER BY relname
    LOOP
      IF each.key IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I %s', fresh, each.relname || '_divided', each.key);
      ELSE
        EXECUTE format('CREATE %s INDEX %I ON %I %s', CASE WHEN each.indisunique THEN 'UNIQUE' END, each.relname || '_divided', fresh,
          substr(each.text, strpos(each.text, ' USING ')));
      END IF;
    END LOOP;
    FOR each IN SELECT inhrelid::REGCLASS AS name, regexp_replace(all_of.relname, '_divided$', '') || substring(part.relname FROM '_p[0-9]+$') AS plain
      FROM pg_index JOIN pg_class all_of ON all_of.oid = indexrelid JOIN pg_inherits ON inhparent = indexrelid
        JOIN pg_index i ON i.indexrelid = inhrelid JOIN pg_class part ON part.oid = i.indrelid
      WHERE pg_index.indrelid = fresh::REGCLASS
    LOOP
      EXECUTE format('ALTER INDEX %s RENAME TO %I', each.name, each.plain);
    END LOOP;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fresh);
    EXECUTE format($policy$CREATE POLICY brand ON %I
      USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
      WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*')$policy$, fresh);
    FOR each IN SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::REGROLE::TEXT END AS role, privilege_type
      FROM pg_class, aclexplode(relacl) WHERE oid = whole::REGCLASS AND grantee <> relowner
    LOOP
      EXECUTE format('GRANT %s ON %I TO %s', each.privilege_type, fresh, each.role);
    END LOOP;
    COMMIT;
  END IF;

  -- From here on whoever writes the table writes the copy, in the same transaction.
  EXECUTE format($function$CREATE OR REPLACE FUNCTION %1$I() RETURNS TRIGGER LANGUAGE plpgsql AS $trigger$
    BEGIN
      IF TG_OP <> 'INSERT' THEN
        DELETE FROM %1$I d WHERE %2$s;
      END IF;
      IF TG_OP <> 'DELETE' THEN
        INSERT INTO %1$I VALUES (NEW.*);
      END IF;
      RETURN NULL;
    END $trigger$ $function$, fresh, same);
  CALL seize(whole, 'SHARE ROW EXCLUSIVE');
  EXECUTE format('CREATE OR REPLACE TRIGGER divided AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION %I()', whole, fresh);
  COMMIT;

  pages := pg_relation_size(whole::REGCLASS) / current_setting('block_size')::BIGINT;
  FOR n IN 0 .. pages / step LOOP
    LOOP
      BEGIN
        EXECUTE format('INSERT INTO %I SELECT * FROM %I WHERE ctid >= %L AND ctid < %L FOR SHARE ON CONFLICT (%s) DO NOTHING',
          fresh, whole, format('(%s,0)', n * step), format('(%s,0)', (n + 1) * step), id);
        EXIT;
      EXCEPTION WHEN deadlock_detected THEN -- with somebody who writes two of the rows; then once more
      END;
    END LOOP;
    COMMIT;
  END LOOP;
  EXECUTE format('ANALYZE %I', fresh);
  COMMIT;

  -- A transaction that began before the copy was whole must not read it.
  SELECT array_agg(l.virtualtransaction) INTO older FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'virtualxid' AND l.pid <> pg_backend_pid() AND a.datname = current_database() AND a.usesysid IS NOT NULL;
  WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND virtualtransaction = ANY (older)) LOOP
    COMMIT;
    PERFORM pg_sleep(0.02);
  END LOOP;
  CALL seize(whole, 'ACCESS EXCLUSIVE');
  EXECUTE format('DROP TABLE %I', whole);
  EXECUTE format('DROP FUNCTION %I()', fresh);
  EXECUTE format('ALTER TABLE %I RENAME TO %I', fresh, whole);
  FOR each IN SELECT indexrelid::REGCLASS AS name, relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = whole::REGCLASS LOOP
    EXECUTE format('ALTER INDEX %s RENAME TO %I', each.name, regexp_replace(each.relname, '_divided$', ''));
  END LOOP;
  COMMIT;
END $divide$;
-- +goose StatementEnd
CALL divide('interaction');
DROP PROCEDURE divide(TEXT);
DROP PROCEDURE seize(TEXT, TEXT);
