-- The append of one drain without looking first: many callers' atoms, of one or more tenants, in one transaction.
--
-- What does not fit is an error, and then nothing of the drain is written: a version, an idempotency key, a reservation
-- or a new subject's key that stands already violates a unique constraint; a subject without a key and a stream that
-- does not stand where an atom builds on it are raised here. The caller then asks `everlog.append`, which looks first.
--
-- Rows lie tenant after tenant, each with the number of its tenant in `tenants` (whose, minters, reservers, stampers);
-- ranks, firsts and lasts count a tenant's events from 1. live_ends and known_ends say where each tenant's subjects end
-- that must have a key, and its streams that must stand at known_at. Answers as `everlog.append` does.

create or replace function everlog.put(
    patient boolean, tenants uuid[], counts integer[], live_ends integer[], live uuid[],
    known_ends integer[], known text[], known_at bigint[],
    whose integer[], ranks integer[], streams text[], versions bigint[], types text[], ids uuid[],
    metas bytea[], bodies bytea[], salts bytea[],
    minters integer[], minted uuid[], epochs integer[], wraps bytea[],
    reservers integer[], scopes text[], tokens bytea[], holders text[],
    stampers integer[], credentials uuid[], keys bytea[], requests bytea[], firsts integer[], lasts integer[],
    labels text[]
) returns table (base bigint, at timestamptz, age integer, behind bigint, refusals jsonb, missing boolean)
language plpgsql as $$
declare
    t uuid;
    before timestamptz;
    bases bigint[];
    ats timestamptz[];
    ages integer[];
    live_from integer := 1;
    known_from integer := 1;
    standing bigint;
    forget text;
begin
    for i in 1 .. cardinality(tenants) loop
        t := tenants[i];
        missing := false;
        base := null;
        forget := set_config('app.tenant', t::text, true);
        -- The lock first; whatever is compared is read by later statements, which see what the last holder committed.
        if patient then
            select h.position, h.generation, h.recorded_at into base, age, before
            from everlog.heads h where h.tenant_id = t for no key update;
        else
            select h.position, h.generation, h.recorded_at into base, age, before
            from everlog.heads h where h.tenant_id = t for no key update skip locked;
        end if;
        if base is null then
            missing := not exists (select from everlog.heads h where h.tenant_id = t);
        else
            at := clock_timestamp();
            behind := case when before > at then (extract(epoch from before - at) * 1000000)::bigint else 0 end;
            at := greatest(at, before);
            bases[i] := base;
            ats[i] := at;
            ages[i] := age;
            if live_ends[i] >= live_from then
                select count(*) into standing from everlog.subject_keys k
                where k.tenant_id = t and k.subject = any (live[live_from:live_ends[i]]) and k.wrapped is not null;
                if standing <= live_ends[i] - live_from then
                    raise exception 'a subject has no key' using errcode = 'check_violation';
                end if;
            end if;
            if known_ends[i] >= known_from then
                -- One look into the index each, whatever the planner takes the table to be.
                select count(*) into standing from generate_series(known_from, known_ends[i]) n
                where known_at[n] = (select e.version from everlog.events e
                    where e.tenant_id = t and e.stream = known[n] order by e.version desc limit 1);
                if standing <= known_ends[i] - known_from then
                    raise exception 'a stream stands elsewhere' using errcode = 'check_violation';
                end if;
            end if;
            if counts[i] > 0 then
                update everlog.heads h set position = base + counts[i], recorded_at = at where h.tenant_id = t;
            end if;
        end if;
        live_from := live_ends[i] + 1;
        known_from := known_ends[i] + 1;
        return next;
    end loop;
    -- A tenant's rows follow one another, and its first one sets the tenant that row-level security then holds each of
    -- them to. Were a row ever written in another order, it would be refused.
    insert into everlog.events
    select case when whose[i] is distinct from whose[i - 1]
            then set_config('app.tenant', tenants[whose[i]]::text, true)::uuid else tenants[whose[i]] end,
        bases[whose[i]] + ranks[i], streams[i], versions[i], types[i], ids[i], ats[whose[i]], metas[i], bodies[i],
        salts[i], ages[whose[i]]
    from generate_series(1, cardinality(whose)) i where bases[whose[i]] is not null;
    if cardinality(minters) > 0 then
        insert into everlog.subject_keys (tenant_id, subject, epoch, wrapped)
        select case when minters[i] is distinct from minters[i - 1]
                then set_config('app.tenant', tenants[minters[i]]::text, true)::uuid else tenants[minters[i]] end,
            minted[i], epochs[i], wraps[i]
        from generate_series(1, cardinality(minters)) i where bases[minters[i]] is not null;
    end if;
    if cardinality(reservers) > 0 then
        insert into everlog.reservations (tenant_id, scope, token, stream)
        select case when reservers[i] is distinct from reservers[i - 1]
                then set_config('app.tenant', tenants[reservers[i]]::text, true)::uuid else tenants[reservers[i]] end,
            scopes[i], tokens[i], holders[i]
        from generate_series(1, cardinality(reservers)) i where bases[reservers[i]] is not null;
    end if;
    if cardinality(stampers) > 0 then
        insert into everlog.stamps (tenant_id, credential, key, request, first, last, stream, recorded_at, generation)
        select case when stampers[i] is distinct from stampers[i - 1]
                then set_config('app.tenant', tenants[stampers[i]]::text, true)::uuid else tenants[stampers[i]] end,
            credentials[i], keys[i], requests[i], bases[stampers[i]] + firsts[i], bases[stampers[i]] + lasts[i],
            labels[i], ats[stampers[i]], ages[stampers[i]]
        from generate_series(1, cardinality(stampers)) i where bases[stampers[i]] is not null;
    end if;
    -- What follows in the same transaction, if anything does, has to name its tenant anew.
    forget := set_config('app.tenant', '', true);
end $$;
