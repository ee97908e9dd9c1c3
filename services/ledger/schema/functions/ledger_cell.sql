-- Of a wallet's id, of the id of anything that belongs to it, and of the digest of a key: fixed forever.
create function ledger_cell(uuid) returns smallint
language sql immutable strict parallel safe
return ((get_byte(uuid_send($1), 15) & 63))::smallint;

grant execute on function ledger_cell(uuid) to public;
