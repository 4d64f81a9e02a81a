-- The reason that somebody gives for a change of a conversation is looked at as what they write is (decision 0018).
set role desk_owner;
alter table app.flag drop constraint flag_about_check;
alter table app.flag add constraint flag_about_check check (about in ('message', 'subject', 'reason', 'person'));
reset role;
