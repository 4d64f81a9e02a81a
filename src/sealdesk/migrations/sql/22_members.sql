-- Members by the page: visitors are members too, so that an organisation may have many thousands.
set role desk_owner;
create index member_by_name on app.member (org_id, name, member_id);
reset role;

set role desk_context;
-- When somebody was last there, ended sessions included; the other index knows those that are open.
create index session_of_member on sec.session (org_id, member_id);
-- Those whose name, address or role holds `p_text`, by name, after the member `p_after` (null: from the first). Sorting is off as the planner,
-- which may believe that an organisation has a handful of members (decision 0013), is to walk the index and stop when the page is full.
create function sec.find_members(p_text text, p_after uuid, p_limit int) returns table (member_id uuid, name text, email text, role text, active boolean,
    invited boolean, factors int, verified boolean, version bigint, created_at timestamptz, seen_at timestamptz)
  language plpgsql stable security definer set search_path = pg_catalog set enable_sort = off as $$
#variable_conflict use_column
declare o uuid := sec.org(); sought text := lower(p_text); n text := ''; k uuid := '00000000-0000-0000-0000-000000000000';
begin
  if p_after is not null then
    select m.name, m.member_id into n, k from app.member m where m.org_id = o and m.member_id = p_after;
    if not found then return; end if;
  end if;
  return query with page as materialized (
    select m.*, coalesce(i.email, p.email) as email, i.email is null as joined, p.verified_at
      from app.member m join sec.person p using (person_id) left join sec.invited i on i.org_id = m.org_id and i.member_id = m.member_id
      where m.org_id = o and (m.name, m.member_id) > (n, k)
        and (sought = '' or m.role = sought or strpos(lower(m.name), sought) > 0 or strpos(lower(coalesce(i.email, p.email)), sought) > 0)
      order by m.name, m.member_id limit p_limit)
    select m.member_id, m.name, m.email, m.role, m.active, m.invited,
        (select count(*)::int from sec.factor f where f.person_id = m.person_id and m.joined), m.joined and m.verified_at is not null, m.version, m.created_at,
        (select max(s.seen_at) from sec.session s where s.org_id = m.org_id and s.member_id = m.member_id and s.kind = 'session')
      from page m order by m.name, m.member_id;
end $$;
-- How many there are of each role, and how many of them have a second factor.
create function sec.factors_by_role() returns table (role text, members bigint, covered bigint)
  language sql stable security definer set search_path = pg_catalog as $$
  select m.role, count(*), count(*) filter (where exists (select from sec.factor f where f.person_id = m.person_id))
    from app.member m where m.org_id = sec.org() and m.active group by m.role
$$;
grant execute on function sec.find_members(text, uuid, int), sec.factors_by_role() to desk_admin;
reset role;
