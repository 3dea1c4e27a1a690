-- Reads that set the tenant themselves: one message, one transaction, nothing left behind.

create or replace function everlog.read_log(tenant uuid, after bigint, upto bigint, most integer)
returns table (
    "position" bigint, stream text, version bigint, type text,
    recorded_at timestamptz, meta bytea, body bytea, generation integer
) language plpgsql set work_mem = '64MB' as $$
begin
    perform set_config('app.tenant', tenant::text, true);
    return query
        select e.position, e.stream, e.version, e.type, e.recorded_at, e.meta, e.body, e.generation
        from everlog.events e
        where e.tenant_id = tenant and e.position > after and e.position <= upto
        order by e.position
        limit most;
end $$;

create or replace function everlog.read_stream(tenant uuid, named text, after bigint, upto bigint, most integer)
returns table (
    "position" bigint, stream text, version bigint, type text,
    recorded_at timestamptz, meta bytea, body bytea, generation integer
) language plpgsql as $$
begin
    perform set_config('app.tenant', tenant::text, true);
    return query
        select e.position, e.stream, e.version, e.type, e.recorded_at, e.meta, e.body, e.generation
        from everlog.events e
        where e.tenant_id = tenant and e.stream = named and e.version > after and e.version <= upto
        order by e.version
        limit most;
end $$;
