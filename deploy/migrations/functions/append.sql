-- The append of one drain: many callers' atoms, of one or more tenants, in one transaction.
--
-- Events and claims lie in flat arrays, tenant after tenant; event_ends and claim_ends say where each tenant's end.
-- Events carry the number of their atom, claims too. Kinds of claims, and the bits of masks that say which occur:
--   1 stream: names, numbers = the first version           2 subject that must be live: subjects
--   4 minted subject: subjects, numbers = epoch, vals = wrapped key
--   8 reservation: names = scope, keys = token, labels = stream
--   16 stamp: subjects = credential, keys = key, vals = request, labels = stream
--   32 tracking: names = application, numbers = notification
-- Answers one row per tenant: base = the position before its first event, or null where the head is busy or missing;
-- refusals = [[atom, code, ...], ...]. A refusal is a value, never an exception: rolling back to a savepoint would also
-- roll back app.tenant, and the next row would be written under another tenant.

create or replace function everlog.append(
    tenants uuid[], patient boolean, event_ends integer[], claim_ends integer[], masks integer[],
    atoms integer[], streams text[], versions bigint[], types text[], ids uuid[],
    metas bytea[], bodies bytea[], salts bytea[],
    owners integer[], kinds integer[], names text[], labels text[], subjects uuid[], keys bytea[], vals bytea[],
    numbers bigint[]
) returns table (base bigint, at timestamptz, age integer, behind bigint, refusals jsonb, missing boolean)
language plpgsql as $$
declare
    t uuid;
    e1 integer := 1;
    e2 integer;
    c1 integer := 1;
    c2 integer;
    mask integer;
    written bigint;
    before timestamptz;
    refused integer[];
    why jsonb;
    forget text;
begin
    for i in 1 .. cardinality(tenants) loop
        t := tenants[i];
        e2 := event_ends[i];
        c2 := claim_ends[i];
        mask := masks[i];
        refusals := null;
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
            return next;
            e1 := e2 + 1;
            c1 := c2 + 1;
            continue;
        end if;
        at := clock_timestamp();
        behind := (extract(epoch from before - at) * 1000000)::bigint;
        at := greatest(at, before);
        -- A single small atom, as many tenants with one caller each have them, is looked at claim by claim: that takes
        -- half the time of the statements that look at any number at once.
        if owners[c1] = owners[c2] and c2 - c1 < 16 and e2 - e1 < 4 then
            written := 0;
            why := everlog.refusal(t, c1, c2, kinds, names, labels, subjects, keys, vals, numbers);
            if why is null then
                for e in e1 .. e2 loop
                    written := written + 1;
                    insert into everlog.events values (t, base + written, streams[e], versions[e], types[e], ids[e],
                        at, metas[e], bodies[e], salts[e], age);
                end loop;
                if mask & 60 <> 0 then
                    perform everlog.keep_one(t, c1, c2, base, written, at, age, kinds, names, labels, subjects, keys,
                        vals, numbers);
                end if;
            else
                refusals := jsonb_build_array(jsonb_build_array(owners[c1]) || why);
            end if;
        else
            refusals := everlog.refusals(t, mask, owners[c1:c2], kinds[c1:c2], names[c1:c2], labels[c1:c2],
                subjects[c1:c2], keys[c1:c2], vals[c1:c2], numbers[c1:c2]);
            if refusals is null then
                refused := null;
                insert into everlog.events
                select t, base + x.n, x.stream, x.version, x.type, x.id, at, x.meta, x.body, x.salt, age
                from unnest(streams[e1:e2], versions[e1:e2], types[e1:e2], ids[e1:e2], metas[e1:e2], bodies[e1:e2],
                    salts[e1:e2]) with ordinality as x (stream, version, type, id, meta, body, salt, n);
            else
                refused := array(select (r ->> 0)::integer from jsonb_array_elements(refusals) r);
                insert into everlog.events
                select t, base + row_number() over (order by x.n), x.stream, x.version, x.type, x.id, at, x.meta,
                    x.body, x.salt, age
                from unnest(atoms[e1:e2], streams[e1:e2], versions[e1:e2], types[e1:e2], ids[e1:e2], metas[e1:e2],
                    bodies[e1:e2], salts[e1:e2]) with ordinality
                    as x (atom, stream, version, type, id, meta, body, salt, n)
                where x.atom <> all (refused);
            end if;
            get diagnostics written = row_count;
            if mask & 60 <> 0 then
                perform everlog.keep(t, mask, base, at, age, refused, atoms[e1:e2], owners[c1:c2], kinds[c1:c2],
                    names[c1:c2], labels[c1:c2], subjects[c1:c2], keys[c1:c2], vals[c1:c2], numbers[c1:c2]);
            end if;
        end if;
        if written > 0 then
            update everlog.heads h set position = base + written, recorded_at = at where h.tenant_id = t;
        end if;
        return next;
        e1 := e2 + 1;
        c1 := c2 + 1;
    end loop;
    -- What follows in the same transaction, if anything does, has to name its tenant anew.
    forget := set_config('app.tenant', '', true);
end $$;

-- What stands against one atom, read under its head's lock, or null; claims c1 to c2 are its own.
create or replace function everlog.refusal(
    t uuid, c1 integer, c2 integer, kinds integer[], names text[], labels text[], subjects uuid[], keys bytea[],
    vals bytea[], numbers bigint[]
) returns jsonb language plpgsql as $$
declare
    stamp everlog.stamps;
    last bigint;
    wrapped bytea;
    holder text;
begin
    for c in c1 .. c2 loop
        case kinds[c]
        when 16 then
            select s.* into stamp from everlog.stamps s
            where s.tenant_id = t and s.credential = subjects[c] and s.key = keys[c];
            if found then
                return case when stamp.request = vals[c] then jsonb_build_array('repeated', stamp.first, stamp.last,
                    (extract(epoch from stamp.recorded_at) * 1000000)::bigint, stamp.generation)
                    else '["restamped"]'::jsonb end;
            end if;
        when 1 then
            select e.version into last from everlog.events e
            where e.tenant_id = t and e.stream = names[c] order by e.version desc limit 1;
            -- A stream begins at 1, or at 0 as some of the library's do.
            if (numbers[c] > 1 and last is null) or numbers[c] <> last + 1 then
                return jsonb_build_array('behind', names[c], coalesce(last, 0));
            end if;
        when 2 then
            select k.wrapped into wrapped from everlog.subject_keys k
            where k.tenant_id = t and k.subject = subjects[c];
            if wrapped is null then
                return jsonb_build_array('gone', subjects[c]);
            end if;
        when 4 then
            select k.wrapped into wrapped from everlog.subject_keys k
            where k.tenant_id = t and k.subject = subjects[c];
            if found then
                return jsonb_build_array(case when wrapped is null then 'gone' else 'minting' end, subjects[c]);
            end if;
        when 8 then
            select r.stream into holder from everlog.reservations r
            where r.tenant_id = t and r.scope = names[c] and r.token = keys[c];
            if holder <> labels[c] then
                return jsonb_build_array('reserved', names[c]);
            end if;
        when 32 then
            select k.notification into last from everlog.tracking k
            where k.tenant_id = t and k.application = names[c];
            if numbers[c] <= last then
                return jsonb_build_array('tracked', names[c], last);
            end if;
        end case;
    end loop;
    return null;
end $$;

-- Writes what one atom that was not refused brings besides its events.
create or replace function everlog.keep_one(
    t uuid, c1 integer, c2 integer, base bigint, written bigint, at timestamptz, age integer, kinds integer[],
    names text[], labels text[], subjects uuid[], keys bytea[], vals bytea[], numbers bigint[]
) returns void language plpgsql as $$
begin
    for c in c1 .. c2 loop
        case kinds[c]
        when 4 then
            insert into everlog.subject_keys (tenant_id, subject, epoch, wrapped)
            values (t, subjects[c], numbers[c], vals[c]);
        when 8 then
            insert into everlog.reservations (tenant_id, scope, token, stream)
            values (t, names[c], keys[c], labels[c]) on conflict do nothing;
        when 16 then
            insert into everlog.stamps (tenant_id, credential, key, request, first, last, stream, recorded_at,
                generation)
            values (t, subjects[c], keys[c], vals[c], base + 1, base + written, labels[c], at, age);
        when 32 then
            insert into everlog.tracking as k (tenant_id, application, notification)
            values (t, names[c], numbers[c])
            on conflict (tenant_id, application) do update set notification = excluded.notification;
        else
        end case;
    end loop;
end $$;

-- What stands against a tenant's atoms, read under its head's lock; null where nothing does.
create or replace function everlog.refusals(
    t uuid, mask integer, owners integer[], kinds integer[], names text[], labels text[], subjects uuid[],
    keys bytea[], vals bytea[], numbers bigint[]
) returns jsonb language plpgsql as $$
declare
    found jsonb;
    more jsonb;
begin
    if mask & 16 <> 0 then
        select jsonb_agg(case when s.request = c.val
            then jsonb_build_array(c.atom, 'repeated', s.first, s.last,
                (extract(epoch from s.recorded_at) * 1000000)::bigint, s.generation)
            else jsonb_build_array(c.atom, 'restamped') end) into more
        from unnest(owners, kinds, subjects, keys, vals) as c (atom, kind, credential, key, val)
        join everlog.stamps s on s.tenant_id = t and s.credential = c.credential and s.key = c.key
        where c.kind = 16;
        found := more;
    end if;
    if mask & 1 <> 0 then
        select jsonb_agg(jsonb_build_array(c.atom, 'behind', c.stream, coalesce(l.version, 0))) into more
        from unnest(owners, kinds, names, numbers) as c (atom, kind, stream, version)
        left join lateral (
            select e.version from everlog.events e
            where e.tenant_id = t and e.stream = c.stream order by e.version desc limit 1
        ) l on true
        -- A stream begins at 1, or at 0 as some of the library's do.
        where c.kind = 1 and case when l.version is null then c.version > 1 else c.version <> l.version + 1 end;
        found := coalesce(found || more, found, more);
    end if;
    if mask & 2 <> 0 then
        select jsonb_agg(jsonb_build_array(c.atom, 'gone', c.subject)) into more
        from unnest(owners, kinds, subjects) as c (atom, kind, subject)
        left join everlog.subject_keys k on k.tenant_id = t and k.subject = c.subject
        where c.kind = 2 and k.wrapped is null;
        found := coalesce(found || more, found, more);
    end if;
    if mask & 4 <> 0 then
        select jsonb_agg(jsonb_build_array(c.atom, case when k.wrapped is null then 'gone' else 'minting' end,
            c.subject)) into more
        from unnest(owners, kinds, subjects) as c (atom, kind, subject)
        join everlog.subject_keys k on k.tenant_id = t and k.subject = c.subject
        where c.kind = 4;
        found := coalesce(found || more, found, more);
    end if;
    if mask & 8 <> 0 then
        select jsonb_agg(jsonb_build_array(c.atom, 'reserved', c.scope)) into more
        from unnest(owners, kinds, names, labels, keys) as c (atom, kind, scope, stream, token)
        join everlog.reservations r on r.tenant_id = t and r.scope = c.scope and r.token = c.token
        where c.kind = 8 and r.stream <> c.stream;
        found := coalesce(found || more, found, more);
    end if;
    if mask & 32 <> 0 then
        select jsonb_agg(jsonb_build_array(c.atom, 'tracked', c.application, k.notification)) into more
        from unnest(owners, kinds, names, numbers) as c (atom, kind, application, notification)
        join everlog.tracking k on k.tenant_id = t and k.application = c.application
        where c.kind = 32 and c.notification <= k.notification;
        found := coalesce(found || more, found, more);
    end if;
    return found;
end $$;

-- Writes what the atoms that were not refused bring besides their events.
create or replace function everlog.keep(
    t uuid, mask integer, base bigint, at timestamptz, age integer, refused integer[], atoms integer[],
    owners integer[], kinds integer[], names text[], labels text[], subjects uuid[], keys bytea[], vals bytea[],
    numbers bigint[]
) returns void language plpgsql as $$
begin
    if mask & 4 <> 0 then
        insert into everlog.subject_keys (tenant_id, subject, epoch, wrapped)
        select t, c.subject, c.epoch, c.wrapped
        from unnest(owners, kinds, subjects, numbers, vals) as c (atom, kind, subject, epoch, wrapped)
        where c.kind = 4 and (refused is null or c.atom <> all (refused));
    end if;
    if mask & 8 <> 0 then
        insert into everlog.reservations (tenant_id, scope, token, stream)
        select t, c.scope, c.token, c.stream
        from unnest(owners, kinds, names, labels, keys) as c (atom, kind, scope, stream, token)
        where c.kind = 8 and (refused is null or c.atom <> all (refused))
        on conflict do nothing;
    end if;
    if mask & 16 <> 0 then
        insert into everlog.stamps (tenant_id, credential, key, request, first, last, stream, recorded_at, generation)
        select t, c.credential, c.key, c.val, coalesce(p.first, base + 1), coalesce(p.last, base), c.stream, at, age
        from unnest(owners, kinds, labels, subjects, keys, vals) as c (atom, kind, stream, credential, key, val)
        left join (
            select a.atom, base + min(a.rank) as first, base + max(a.rank) as last
            from (
                select x.atom, row_number() over (order by x.n) as rank
                from unnest(atoms) with ordinality as x (atom, n)
                where refused is null or x.atom <> all (refused)
            ) a group by a.atom
        ) p on p.atom = c.atom
        where c.kind = 16 and (refused is null or c.atom <> all (refused));
    end if;
    if mask & 32 <> 0 then
        insert into everlog.tracking as k (tenant_id, application, notification)
        select t, c.application, c.notification
        from unnest(owners, kinds, names, numbers) as c (atom, kind, application, notification)
        where c.kind = 32 and (refused is null or c.atom <> all (refused))
        on conflict (tenant_id, application) do update set notification = excluded.notification;
    end if;
end $$;
